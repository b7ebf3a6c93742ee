<?php
// What stands before every driver, and before Drush: the site's database credentials, where its settings look for them.
// They come on standard input, so no file that another site could read and no list of processes holds them.
foreach ($AEGIR_OPTIONS['credentials'] as $aegir_name => $aegir_value) {
  $_SERVER["db_$aegir_name"] = $aegir_value;
}
// PHP would only say that there is no such directory.
if ((string) ini_get('open_basedir') !== '' && !@is_dir($AEGIR_OPTIONS['docroot'])) {
  fwrite(fopen('php://stdout', 'w'), "\nRESULT " . json_encode(['ok' => FALSE, 'kind' => 'open_basedir', 'error' => PHP_BINARY . ' is kept to ' . ini_get('open_basedir') . ", which does not hold {$AEGIR_OPTIONS['docroot']}"], JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR) . "\n");
  exit(1);
}
unset($AEGIR_OPTIONS['credentials'], $AEGIR_OPTIONS['docroot'], $aegir_name, $aegir_value);
?>

<?php
// Aegir's driver for one site of a Drupal 7 platform.
//
//   php -- ACTION DOCROOT URI      with this file on standard input, after a block that sets $AEGIR_OPTIONS
//
// Coming from standard input, nothing has to be installed on the web server and no secret is ever in an argument.
// The last line that starts with "RESULT " is the answer, in JSON. It counts as success only with exit code 0.

umask(0002); // the web server's group writes to what is made here
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED & ~E_STRICT & ~E_NOTICE);
ini_set('display_errors', 'stderr');
ini_set('html_errors', '0');
ini_set('memory_limit', '512M');
ini_set('zend.exception_ignore_args', '1');
set_time_limit(0);
// PHP leaves these out when the script itself comes from standard input; modules expect them.
foreach (['STDIN' => 'r', 'STDOUT' => 'w', 'STDERR' => 'w'] as $name => $mode) {
  defined($name) || define($name, fopen('php://' . strtolower($name), $mode));
}

/** A failure whose kind is known. */
class AegirFailure extends Exception {
  public $kind;
  public $extra;

  public function __construct($kind, $message, array $extra = []) {
    parent::__construct($message);
    $this->kind = $kind;
    $this->extra = $extra;
  }
}

/** What the driver says to its caller, and what it does to the database beside the application. */
class AegirDriver {
  public static $done = FALSE;
  public static $secrets = [];

  public static function result(array $result) {
    self::$done = TRUE;
    while (ob_get_level()) {
      ob_end_clean();
    }
    fwrite(STDOUT, "\nRESULT " . json_encode($result, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE) . "\n");
  }

  public static function progress($done, $total, $text) {
    fwrite(STDOUT, "\nPROGRESS $done $total " . self::line($text) . "\n");
  }

  public static function fail($kind, $class, $error, array $extra = []) {
    self::result(['ok' => FALSE, 'kind' => $kind, 'class' => $class, 'error' => self::line($error)] + $extra);
    exit(1);
  }

  /** Where PHP says that something failed; nothing for our own code, which has no file. */
  public static function at($file, $line) {
    return is_file($file) ? ['file' => $file, 'line' => $line] : [];
  }

  /** Text for one line of output: no markup, no line breaks, no secret that passed through here. */
  public static function line($text) {
    $text = str_replace(array_filter(self::$secrets, 'strlen'), '***', (string) $text);
    return mb_substr(trim(preg_replace('/\s+/', ' ', html_entity_decode(strip_tags($text), ENT_QUOTES))), 0, 1000);
  }

  /** Connects with the site's own settings, before the application does: its messages about a bad database mislead. */
  public static function connect(array $info, array $options) {
    if (empty($info['driver']) || !in_array($info['driver'], ['mysql', 'mysqli'])) {
      return NULL;
    }
    self::$secrets[] = (string) $info['password'];
    if (isset($options['expect_database']) && $info['database'] !== $options['expect_database']) {
      throw new AegirFailure('other', "the site's settings name the database '{$info['database']}', not '{$options['expect_database']}'");
    }
    $where = empty($info['unix_socket']) ? "host={$info['host']};port=" . (empty($info['port']) ? 3306 : $info['port']) : "unix_socket={$info['unix_socket']}";
    return new PDO("mysql:$where;dbname={$info['database']}", $info['username'], $info['password'], [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 10] + (empty($info['pdo']) ? [] : $info['pdo']));
  }

  public static function tables(PDO $pdo) {
    return $pdo->query('SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()')->fetchAll(PDO::FETCH_KEY_PAIR);
  }

  /** Empties the database, so that an install that died half-way can be run again. */
  public static function wipe(PDO $pdo, array $options) {
    if (empty($options['expect_database']) || $pdo->query('SELECT DATABASE()')->fetchColumn() !== $options['expect_database']) {
      throw new AegirFailure('other', 'a fresh install needs "expect_database", and it must be the database of the site');
    }
    $pdo->exec('SET FOREIGN_KEY_CHECKS = 0');
    foreach (self::tables($pdo) as $name => $type) {
      $pdo->exec('DROP ' . ($type === 'VIEW' ? 'VIEW' : 'TABLE') . ' IF EXISTS `' . str_replace('`', '``', $name) . '`');
    }
  }

  public static function kind($e) {
    $message = strip_tags($e->getMessage());
    $task = isset($GLOBALS['install_state']['active_task']) ? $GLOBALS['install_state']['active_task'] : NULL;
    if ($e instanceof AegirFailure) {
      return $e->kind;
    }
    if (preg_match('/\[1049\]/', $message)) {
      return 'db_missing';
    }
    if (preg_match('/\[(1044|1045|1130|1698|200[0-9]|2013|2054)\]/', $message)) {
      return 'db_access';
    }
    if ($task === 'install_load_profile' || $task === 'install_select_profile') {
      return 'unknown_profile';
    }
    if ($task === 'install_verify_requirements') {
      return 'requirements';
    }
    return 'other';
  }
}

// exit() inside the application (a redirect, an error page) and fatal errors must not look like success.
register_shutdown_function(function () {
  if (!AegirDriver::$done) {
    $last = error_get_last();
    $fatal = $last && in_array($last['type'], [E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR, E_RECOVERABLE_ERROR]);
    AegirDriver::fail('other', $fatal ? 'FatalError' : 'NoResult', $fatal ? strtok($last['message'], "\n") : 'the application ended without a result', $fatal ? AegirDriver::at($last['file'], $last['line']) : []);
  }
});

// In a function, so that these names are not globals, which applications read and overwrite.
call_user_func(function (array $arguments, array $options) {
  $GLOBALS['AEGIR_OPTIONS'] = [];
  try {
    list(, $action, $docroot, $uri) = array_pad($arguments, 4, '');
    AegirDriver::$secrets[] = isset($options['account_pass']) ? (string) $options['account_pass'] : '';
    if (!@chdir($docroot) || !is_file('includes/bootstrap.inc') || is_dir('core')) {
      throw new AegirFailure('other', "no Drupal 7 at $docroot");
    }
    define('DRUPAL_ROOT', getcwd());

    // Read as text: a core that cannot run on this PHP cannot be asked.
    $version = preg_match("/define\('VERSION', '([^']+)'\)/", file_get_contents('includes/bootstrap.inc'), $found) ? $found[1] : '7';
    if ($action === 'install' && PHP_VERSION_ID >= 80400) {
      throw new AegirFailure('wrong_php', "Drupal $version cannot be installed on PHP 8.4 or later, this is PHP " . PHP_VERSION);
    }

    $url = parse_url(strpos($uri, '://') ? $uri : "http://$uri");
    $https = isset($url['scheme']) && $url['scheme'] === 'https';
    $base = isset($url['path']) ? rtrim($url['path'], '/') : '';
    $_SERVER = [
      'HTTP_HOST' => $url['host'] . (isset($url['port']) ? ":{$url['port']}" : ''),
      'SERVER_NAME' => $url['host'], 'SERVER_PORT' => isset($url['port']) ? $url['port'] : ($https ? 443 : 80),
      'SERVER_ADDR' => '127.0.0.1', 'REMOTE_ADDR' => '127.0.0.1', 'SERVER_SOFTWARE' => 'cli', 'SERVER_PROTOCOL' => 'HTTP/1.1',
      'SCRIPT_NAME' => "$base/index.php", 'PHP_SELF' => "$base/index.php", 'SCRIPT_FILENAME' => DRUPAL_ROOT . '/index.php',
      'REQUEST_URI' => "$base/", 'REQUEST_METHOD' => 'GET', 'QUERY_STRING' => '', 'HTTP_USER_AGENT' => 'Aegir',
      'REQUEST_TIME' => time(), 'REQUEST_TIME_FLOAT' => microtime(TRUE),
    ] + ($https ? ['HTTPS' => 'on'] : []) + $_SERVER;

    // Both are read by core while it boots, so they come before any of its code.
    if ($action === 'install' || $action === 'update') {
      define('MAINTENANCE_MODE', $action);
    }
    require_once DRUPAL_ROOT . '/includes/bootstrap.inc';
    // A page that core has cached for this address would be served instead, and end the script.
    drupal_page_is_cacheable(FALSE);

    // Core falls back to sites/default without a word; that is another site.
    $site_path = conf_path();
    $directory = isset($options['directory']) ? $options['directory'] : NULL;
    if (!is_file(DRUPAL_ROOT . "/$site_path/settings.php") || ($directory === NULL ? $site_path === 'sites/default' : $site_path !== "sites/$directory")) {
      throw new AegirFailure('no_such_site', "'$uri' leads to $site_path" . ($directory === NULL ? '' : ", not to sites/$directory") . ': no such site on this platform');
    }

    drupal_bootstrap(DRUPAL_BOOTSTRAP_CONFIGURATION);
    if (empty($GLOBALS['databases']['default']['default'])) {
      throw new AegirFailure('no_such_site', "$site_path/settings.php defines no database");
    }
    $pdo = AegirDriver::connect($GLOBALS['databases']['default']['default'], $options);
    $tables = $pdo ? AegirDriver::tables($pdo) : [];

    if ($action === 'install') {
      if ($pdo && !empty($options['fresh'])) {
        AegirDriver::wipe($pdo, $options);
      }
      elseif ($tables) {
        $finished = isset($tables['variable']) && $pdo->query("SELECT COUNT(*) FROM variable WHERE name = 'install_task' AND value LIKE '%done%'")->fetchColumn();
        throw new AegirFailure('already_installed', $finished ? 'the site is already installed' : 'the database is not empty: it holds ' . count($tables) . ' tables', ['finished' => (bool) $finished, 'tables' => count($tables)]);
      }
      $pdo = NULL;
      $mail = isset($options['account_mail']) ? $options['account_mail'] : 'admin@' . $url['host'];
      if (!isset($options['account_pass']) || $options['account_pass'] === '') {
        throw new AegirFailure('other', 'an install needs "account_pass"');
      }
      $modes = [];
      foreach ([DRUPAL_ROOT . "/$site_path", DRUPAL_ROOT . "/$site_path/settings.php"] as $path) {
        $modes[$path] = fileperms($path) & 07777;
      }
      require_once DRUPAL_ROOT . '/includes/install.core.inc';
      // Every option given at once makes the installer run without a person.
      $settings = [
        'parameters' => [
          'profile' => isset($options['profile']) ? $options['profile'] : 'standard',
          'locale' => isset($options['locale']) ? $options['locale'] : (isset($options['langcode']) ? $options['langcode'] : 'en'),
        ],
        'forms' => [
          'install_configure_form' => [
            'site_name' => isset($options['site_name']) ? $options['site_name'] : $url['host'],
            'site_mail' => isset($options['site_mail']) ? $options['site_mail'] : $mail,
            'account' => [
              'name' => isset($options['account_name']) ? $options['account_name'] : 'admin',
              'mail' => $mail,
              'pass' => ['pass1' => $options['account_pass'], 'pass2' => $options['account_pass']],
            ],
            'site_default_country' => '',
            'date_default_timezone' => isset($options['timezone']) ? $options['timezone'] : 'UTC',
            'clean_url' => TRUE,
            // A list of checkboxes is unticked by NULL only. Ticked, each cron would ask drupal.org about updates.
            'update_status_module' => [1 => NULL, 2 => NULL],
          ],
        ],
      ];
      ob_start();
      try {
        install_drupal($settings);
      }
      finally {
        // The installer takes away the write permission that later deploys need.
        foreach ($modes as $path => $mode) {
          @chmod($path, $mode);
        }
      }
      AegirDriver::result(['ok' => TRUE, 'version' => VERSION, 'directory' => substr($site_path, 6), 'profile' => variable_get('install_profile'), 'memory' => memory_get_peak_usage()]);
      return;
    }

    if ($pdo && !isset($tables['variable']) && empty($GLOBALS['databases']['default']['default']['prefix'])) {
      throw new AegirFailure('db_damaged', $tables ? 'it has no table variable, and ' . count($tables) . ' others' : 'there is no table in it');
    }
    // A half-made site boots, and would pass for a whole one.
    if (isset($tables['variable'])) {
      $task = $pdo->query("SELECT value FROM variable WHERE name = 'install_task'")->fetchColumn();
      if ($task !== FALSE && strpos($task, '"done"') === FALSE) {
        throw new AegirFailure('no_such_site', "the install of $site_path never finished");
      }
    }
    $pdo = NULL;

    if ($action === 'update') {
      // The order of update.php: a full boot may load modules whose tables are behind their code.
      drupal_bootstrap(DRUPAL_BOOTSTRAP_SESSION);
      foreach (['install', 'common', 'file', 'entity', 'unicode', 'update', 'batch'] as $include) {
        require_once DRUPAL_ROOT . "/includes/$include.inc";
      }
      update_prepare_d7_bootstrap();
      drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
      drupal_load_updates();
      update_fix_compatibility();
      update_fix_d7_requirements();
      $start = $pending = [];
      foreach (update_get_update_list() as $module => $update) {
        if (isset($update['start'])) {
          $start[$module] = $update['start'];
          $pending[$module] = array_map('strval', $update['pending']);
        }
        elseif (!empty($update['warning'])) {
          $pending[$module] = ['warning' => AegirDriver::line($update['warning'])];
        }
      }
      if (!empty($options['list_only'])) {
        AegirDriver::result(['ok' => TRUE, 'pending' => $pending]);
        return;
      }
      $was = variable_get('maintenance_mode', 0);
      variable_set('maintenance_mode', 1);
      $done = $abort = [];
      $hooks = update_resolve_dependencies($start);
      foreach ($hooks as $function => $update) {
        if (!$update['allowed']) {
          $abort[$function] = 'missing dependencies: ' . implode(', ', isset($update['missing_dependencies']) ? $update['missing_dependencies'] : []);
          continue;
        }
        AegirDriver::progress(count($done), count($hooks), $function);
        $context = ['results' => [], 'sandbox' => [], 'finished' => 1, 'message' => ''];
        do {
          $context['finished'] = 1;
          update_do_one($update['module'], $update['number'], isset($update['dependency_map']) ? $update['dependency_map'] : [], $context);
          if (!empty($context['results']['#abort'])) {
            $said = isset($context['results'][$update['module']][$update['number']]['#abort']) ? $context['results'][$update['module']][$update['number']]['#abort'] : [];
            $abort[$function] = AegirDriver::line(isset($said['query']) ? $said['query'] : 'failed');
            break 2;
          }
        } while ($context['finished'] < 1);
        $done[] = $function;
      }
      drupal_flush_all_caches();
      // A failed update leaves the site down: half-updated data must not be served.
      if ($abort) {
        throw new AegirFailure('other', key($abort) . ': ' . current($abort), ['pending' => $pending, 'done' => $done, 'abort' => $abort]);
      }
      variable_set('maintenance_mode', $was);
      AegirDriver::result(['ok' => TRUE, 'pending' => $pending, 'done' => $done]);
      return;
    }

    drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);

    switch ($action) {
      case 'status':
        $lists = ['module' => [], 'theme' => []];
        foreach (db_query("SELECT name, type, filename, schema_version, info FROM {system} WHERE status = 1 AND type IN ('module', 'theme')") as $row) {
          $info = unserialize($row->info);
          $lists[$row->type][$row->name] = ['version' => isset($info['version']) ? $info['version'] : NULL, 'schema' => (int) $row->schema_version, 'file' => $row->filename];
        }
        $profile = drupal_get_profile();
        AegirDriver::result([
          'ok' => TRUE, 'version' => VERSION, 'php' => PHP_VERSION, 'directory' => substr($site_path, 6),
          'profile' => $profile, 'profile_version' => isset($lists['module'][$profile]) ? $lists['module'][$profile]['version'] : NULL,
          'site_name' => variable_get('site_name'), 'langcode' => language_default('language'),
          'theme' => variable_get('theme_default', 'bartik'), 'maintenance' => (bool) variable_get('maintenance_mode', 0),
          'files' => variable_get('file_public_path', "$site_path/files"), 'private' => variable_get('file_private_path'),
          'temp' => variable_get('file_temporary_path'), 'cron_last' => variable_get('cron_last'),
          'counts' => ['modules' => count($lists['module']), 'themes' => count($lists['theme'])],
        ] + (empty($options['full']) ? [] : ['modules' => $lists['module'], 'themes' => $lists['theme']]));
        break;

      case 'cache':
        drupal_flush_all_caches();
        AegirDriver::result(['ok' => TRUE]);
        break;

      case 'cron':
        if (!drupal_cron_run()) {
          throw new AegirFailure('other', 'cron did not run: another run holds the lock');
        }
        AegirDriver::result(['ok' => TRUE, 'cron_last' => variable_get('cron_last')]);
        break;

      case 'login':
        $account = user_load(isset($options['uid']) ? $options['uid'] : 1);
        if (!$account || !$account->status) {
          throw new AegirFailure('no_account', 'the account ' . (isset($options['uid']) ? $options['uid'] : 1) . ' does not exist or is blocked');
        }
        AegirDriver::result(['ok' => TRUE, 'url' => user_pass_reset_url($account) . '/login', 'account' => $account->name]);
        break;

      case 'maintenance':
        variable_set('maintenance_mode', empty($options['on']) ? 0 : 1);
        cache_clear_all('*', 'cache_page', TRUE); // pages in the cache would be served regardless
        AegirDriver::result(['ok' => TRUE, 'maintenance' => (bool) variable_get('maintenance_mode')]);
        break;

      case 'enable':
        if (!module_enable((array) $options['modules'])) {
          throw new AegirFailure('other', 'not enabled: a module is missing, or one that it needs is');
        }
        AegirDriver::result(['ok' => TRUE]);
        break;

      case 'disable':
        module_disable((array) $options['modules']);
        if (!empty($options['uninstall'])) {
          require_once DRUPAL_ROOT . '/includes/install.inc';
          drupal_uninstall_modules((array) $options['modules']);
        }
        AegirDriver::result(['ok' => TRUE]);
        break;

      case 'rename':
        // The directory has moved and settings.php is new: rewrite the old path wherever core keeps it.
        $old = "sites/{$options['old']}";
        $changed = [];
        foreach (['file_public_path', 'file_private_path', 'file_temporary_path', 'file_directory_path', 'file_directory_temp'] as $name) {
          $value = db_query('SELECT value FROM {variable} WHERE name = :name', [':name' => $name])->fetchField();
          $value = $value === FALSE ? NULL : unserialize($value);
          if (is_string($value) && strpos($value, "$old/") === 0) {
            variable_set($name, $site_path . substr($value, strlen($old)));
            $changed[$name] = $site_path . substr($value, strlen($old));
          }
        }
        // Code that lives in the site's own modules and themes directories.
        foreach (['system', 'registry', 'registry_file'] as $table) {
          $changed[$table] = 0;
          foreach (db_query('SELECT DISTINCT filename FROM {' . $table . '} WHERE filename LIKE :old', [':old' => db_like("$old/") . '%'])->fetchCol() as $file) {
            $changed[$table] += db_update($table)->fields(['filename' => $site_path . substr($file, strlen($old))])->condition('filename', $file)->execute();
          }
        }
        // Managed files are scheme addresses; text may hold literal paths.
        $changed['text_rows'] = 0;
        foreach (field_info_fields() as $field) {
          if ($field['storage']['type'] !== 'field_sql_storage' || !in_array($field['type'], ['text', 'text_long', 'text_with_summary'])) {
            continue;
          }
          foreach ([_field_sql_storage_tablename($field), _field_sql_storage_revision_tablename($field)] as $table) {
            foreach ($field['type'] === 'text_with_summary' ? ['value', 'summary'] : ['value'] as $part) {
              $column = _field_sql_storage_columnname($field['field_name'], $part);
              $changed['text_rows'] += db_update($table)->expression($column, "REPLACE($column, :old, :new)", [':old' => "$old/files", ':new' => "$site_path/files"])
                ->condition($column, '%' . db_like("$old/files") . '%', 'LIKE')->execute();
            }
          }
        }
        drupal_flush_all_caches();
        AegirDriver::result(['ok' => TRUE, 'changed' => $changed]);
        break;

      default:
        throw new AegirFailure('other', "no such action: $action");
    }
  }
  // Core puts its own exception handlers in place while it boots, so catch here.
  catch (Throwable $e) {
    if (!$e instanceof AegirFailure) {
      fwrite(STDERR, get_class($e) . ' @ ' . $e->getFile() . ':' . $e->getLine() . "\n");
    }
    $message = AegirDriver::line($e->getMessage());
    AegirDriver::fail(AegirDriver::kind($e), get_class($e), $message === '' ? get_class($e) : $message, $e instanceof AegirFailure ? $e->extra : AegirDriver::at($e->getFile(), $e->getLine()));
  }
}, $argv, isset($AEGIR_OPTIONS) && is_array($AEGIR_OPTIONS) ? $AEGIR_OPTIONS : []);

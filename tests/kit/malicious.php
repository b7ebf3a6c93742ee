<?php
// What a site's own code tries, on the command line and behind the web server. Each attempt that succeeds leaves its name.
if (!function_exists('aegir_attempts')) {
  function aegir_attempts() {
    $root = '/var/aegir';
    $config = "$root/config/SERVER";
    $platform = "$root/platforms/wp";
    $reads = function ($pattern) {
      return function () use ($pattern) {
        foreach (glob($pattern) ?: [$pattern] as $file) {
          if (@file_get_contents($file, FALSE, NULL, 0, 10) > '') {
            return TRUE;
          }
        }
        return FALSE;
      };
    };
    $writes = function ($file) {
      return function () use ($file) {
        return @file_put_contents($file, "# x\n", FILE_APPEND) > 0;
      };
    };
    $runs = function ($command) {
      return function () use ($command) {
        exec("$command >/dev/null 2>&1 </dev/null", $lines, $status);
        return $status === 0;
      };
    };
    $query = function ($sql) {
      return function () use ($sql) {
        mysqli_report(MYSQLI_REPORT_OFF);
        list($host, $port) = explode(':', DB_HOST . ':3306');
        $db = @mysqli_connect($host, DB_USER, DB_PASSWORD, DB_NAME, (int) $port);
        return $db && @mysqli_query($db, $sql) !== FALSE;
      };
    };
    return [
      'read the inventory key' => $reads("$root/keys/inventory.key"),
      'read the key for other servers' => $reads("$root/keys/id_ed25519"),
      'list the keys' => function () use ($root) { return @scandir("$root/keys") !== FALSE; },
      'read the inventory' => $reads("$root/aegir.db"),
      'read credentials' => $reads("$config/credentials.d/two.example.com.php"),
      'read its own credentials file' => $reads("$config/credentials.d/one.example.com.php"),
      'read virtual hosts' => $reads("$config/vhost.d/two.example.com.conf"),
      'list backups' => function () use ($root) { return @scandir("$root/backups") !== FALSE; },
      'read the password file of root' => $reads('/etc/shadow'),
      'write configuration before sites' => $writes("$config/pre.d/zz.conf"),
      'write configuration after sites' => $writes("$config/post.d/zz.conf"),
      'write its virtual host' => $writes("$config/vhost.d/one.example.com.conf"),
      'write a candidate' => function () use ($config) { return @mkdir("$config/.candidate/x", 0777, TRUE); },
      'write the map of addresses' => $writes("$platform/sites/sites.php"),
      'write its settings' => $writes("$platform/sites/one.example.com/wp-config.php"),
      'write settings beside them' => $writes("$platform/sites/one.example.com/local.settings.php"),
      'write settings of its neighbour' => $writes("$platform/sites/two.example.com/local.settings.php"),
      'write code of all sites' => $writes("$platform/wp-content/mu-plugins/zz.php"),
      'write code of the platform' => $writes("$platform/index.php"),
      'write keys that open the account' => $writes("$root/.ssh/authorized_keys"),
      'become root' => $runs('sudo -n true'),
      'become Aegir' => $runs('sudo -n -u aegir true'),
      'reload the web server' => $runs('sudo -n /usr/sbin/apache2ctl graceful'),
      'be Aegir' => function () { return fileowner('/var/aegir') === posix_geteuid() || in_array(filegroup('/var/aegir/aegir.db') ?: -1, posix_getgroups()) || posix_geteuid() === 0; },
      'find a terminal' => function () { return PHP_SAPI === 'cli' && @fopen('/dev/tty', 'r+') !== FALSE; },
      'find more in the environment' => function () { return PHP_SAPI === 'cli' && array_diff(array_keys(getenv()), ['PATH', 'LANG', 'LC_ALL', 'PWD', 'SHLVL', '_']) !== []; },
      'find open files of Aegir' => function () {
        foreach (glob('/proc/self/fd/*') ?: [] as $fd) {
          if (strpos((string) @readlink($fd), '/var/aegir/') === 0 && strpos(@readlink($fd), '/var/aegir/platforms/') !== 0) {
            return TRUE;
          }
        }
        return FALSE;
      },
      'look into processes of Aegir' => function () {
        foreach (glob('/proc/[0-9]*') ?: [] as $process) {
          if (@fileowner($process) === fileowner('/var/aegir') && (@file_get_contents("$process/environ") > '' || @fopen("$process/mem", 'r'))) {
            return TRUE;
          }
        }
        return FALSE;
      },
      'end processes of Aegir' => function () {
        foreach (glob('/proc/[0-9]*') ?: [] as $process) {
          if (@fileowner($process) === fileowner('/var/aegir') && posix_kill((int) basename($process), 0)) {
            return TRUE;
          }
        }
        return FALSE;
      },
      'read the database of its neighbour' => $query('SELECT option_value FROM twoexamplecom.wp_options LIMIT 1'),
      'read the users of the database server' => $query('SELECT * FROM mysql.user'),
      'make a database' => $query('CREATE DATABASE stolen'),
      'read files through the database' => $query("SELECT LENGTH(LOAD_FILE('/etc/passwd')) FROM mysql.user"),
      'start something every minute' => $runs("echo '* * * * * true' | crontab -"),
    ];
  }
  $aegir_succeeded = [];
  foreach (aegir_attempts() as $aegir_name => $aegir_attempt) {
    if ($aegir_attempt()) {
      $aegir_succeeded[] = $aegir_name;
    }
  }
  file_put_contents(ABSPATH . 'sites/one.example.com/files/report-' . PHP_SAPI, json_encode(['user' => posix_getpwuid(posix_geteuid())['name'], 'tried' => count(aegir_attempts()), 'succeeded' => $aegir_succeeded]));
  // What goes on when the page has been sent: it writes where the site could.
  exec('cd ' . ABSPATH . "sites/one.example.com/files && setsid sh -c 'while :; do mkdir -p more/\$\$ 2>/dev/null; date > more/\$\$/alive; sleep 0.01; done' >/dev/null 2>&1 </dev/null &");
}
$aegir_mode = @file_get_contents(ABSPATH . 'sites/one.example.com/files/mode');
if (PHP_SAPI === 'cli' && $aegir_mode > '') {
  // A login link of its own, in its own words.
  fwrite(STDOUT, "\nRESULT " . json_encode(['ok' => TRUE, 'url' => $aegir_mode]) . "\n");
  posix_kill(posix_getpid(), 0);
  AegirDriver::$done = TRUE;
  exit(0);
}

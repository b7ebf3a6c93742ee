<?php
// Aegir's driver for one site of a WordPress platform.
//
//   php -- ACTION DOCROOT URI      with this file on standard input, after a block that sets $AEGIR_OPTIONS
//
// Coming from standard input, nothing has to be installed on the web server and no secret is ever in an argument.
// The last line that starts with "RESULT " is the answer, in JSON. It counts as success only with exit code 0.

umask(0002); // the web server's group writes to what is made here
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
ini_set('display_errors', 'stderr');
ini_set('html_errors', '0');
ini_set('memory_limit', '512M');
ini_set('zend.exception_ignore_args', '1');
set_time_limit(0);
// PHP leaves these out when the script itself comes from standard input; plugins expect them.
foreach (['STDIN' => 'r', 'STDOUT' => 'w', 'STDERR' => 'w'] as $aegir_name => $aegir_mode) {
  defined($aegir_name) || define($aegir_name, fopen('php://' . strtolower($aegir_name), $aegir_mode));
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

  /** Connects with the site's own settings, before WordPress does: it would print a page and end. */
  public static function connect(array $options) {
    self::$secrets[] = DB_PASSWORD;
    if (isset($options['expect_database']) && DB_NAME !== $options['expect_database']) {
      throw new AegirFailure('other', "the site's settings name the database '" . DB_NAME . "', not '{$options['expect_database']}'");
    }
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    list($host, $port) = array_pad(explode(':', DB_HOST, 2), 2, '3306');
    $socket = ctype_digit($port) ? NULL : $port;
    $database = mysqli_init();
    $database->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);
    $database->real_connect($host, DB_USER, DB_PASSWORD, DB_NAME, $socket === NULL ? (int) $port : 0, $socket, defined('MYSQL_CLIENT_FLAGS') ? MYSQL_CLIENT_FLAGS : 0);
    return $database;
  }

  public static function tables(mysqli $database) {
    return array_column($database->query('SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()')->fetch_all(), 1, 0);
  }

  /** Empties the database, so that an install that died half-way can be run again. */
  public static function wipe(mysqli $database, array $options) {
    if (empty($options['expect_database']) || $database->query('SELECT DATABASE()')->fetch_row()[0] !== $options['expect_database']) {
      throw new AegirFailure('other', 'a fresh install needs "expect_database", and it must be the database of the site');
    }
    $database->query('SET FOREIGN_KEY_CHECKS = 0');
    foreach (self::tables($database) as $name => $type) {
      $database->query('DROP ' . ($type === 'VIEW' ? 'VIEW' : 'TABLE') . ' IF EXISTS `' . str_replace('`', '``', $name) . '`');
    }
  }

  public static function kind($e) {
    if ($e instanceof AegirFailure) {
      return $e->kind;
    }
    if ($e instanceof mysqli_sql_exception) {
      if ($e->getCode() === 1049) {
        return 'db_missing';
      }
      if (in_array($e->getCode(), [1044, 1045, 1130, 1698, 2054]) || ($e->getCode() >= 2000 && $e->getCode() <= 2013)) {
        return 'db_access';
      }
    }
    return 'other';
  }
}

// exit() inside the application (an error page, wp_die()) and fatal errors must not look like success.
register_shutdown_function(function () {
  if (!AegirDriver::$done) {
    $said = '';
    while (ob_get_level()) {
      $said = ob_get_clean() . $said;
    }
    $last = error_get_last();
    $fatal = $last && in_array($last['type'], [E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR, E_RECOVERABLE_ERROR]);
    $said = $fatal ? strtok($last['message'], "\n") : AegirDriver::line(preg_replace('#<(style|script)\b.*?</\1>#is', ' ', $said));
    AegirDriver::fail('other', $fatal ? 'FatalError' : 'NoResult', $said === '' ? 'WordPress ended without a result' : $said, $fatal ? AegirDriver::at($last['file'], $last['line']) : []);
  }
});

// WordPress boots in the global scope and overwrites plain names there ($action, for one): every name here has a prefix.
$aegir_options = isset($AEGIR_OPTIONS) && is_array($AEGIR_OPTIONS) ? $AEGIR_OPTIONS : [];
$AEGIR_OPTIONS = [];
try {
  list(, $aegir_action, $aegir_docroot, $aegir_uri) = array_pad($argv, 4, '');
  AegirDriver::$secrets[] = isset($aegir_options['account_pass']) ? (string) $aegir_options['account_pass'] : '';
  if (!@chdir($aegir_docroot) || !is_file('wp-includes/version.php')) {
    throw new AegirFailure('other', "no WordPress at $aegir_docroot");
  }
  define('ABSPATH', getcwd() . '/');
  require ABSPATH . 'wp-includes/version.php';
  if (version_compare(PHP_VERSION, $required_php_version, '<')) {
    throw new AegirFailure('wrong_php', "WordPress $wp_version needs PHP $required_php_version or later, this is PHP " . PHP_VERSION);
  }

  $aegir_url = parse_url(strpos($aegir_uri, '://') ? $aegir_uri : "http://$aegir_uri");
  $aegir_https = isset($aegir_url['scheme']) && $aegir_url['scheme'] === 'https';
  $_SERVER = [
    'HTTP_HOST' => $aegir_url['host'] . (isset($aegir_url['port']) ? ":{$aegir_url['port']}" : ''),
    'SERVER_NAME' => $aegir_url['host'], 'SERVER_PORT' => isset($aegir_url['port']) ? $aegir_url['port'] : ($aegir_https ? 443 : 80),
    'SERVER_ADDR' => '127.0.0.1', 'REMOTE_ADDR' => '127.0.0.1', 'SERVER_SOFTWARE' => 'cli', 'SERVER_PROTOCOL' => 'HTTP/1.1',
    'SCRIPT_NAME' => '/index.php', 'PHP_SELF' => '/index.php', 'SCRIPT_FILENAME' => ABSPATH . 'index.php',
    'REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET', 'QUERY_STRING' => '', 'HTTP_USER_AGENT' => 'Aegir',
  ] + ($aegir_https ? ['HTTPS' => 'on'] : []) + $_SERVER;

  if (in_array($aegir_action, ['install', 'update'])) {
    define('WP_INSTALLING', TRUE);
  }
  if ($aegir_action === 'cron') {
    define('DOING_CRON', TRUE);
  }

  // With this constant wp-config.php only finds the site and reads its settings.
  define('AEGIR_DRIVER', TRUE);
  require_once ABSPATH . 'wp-config.php';
  if (!defined('AEGIR_SITE') || (isset($aegir_options['directory']) && AEGIR_SITE !== $aegir_options['directory'])) {
    throw new AegirFailure('no_such_site', "'$aegir_uri' leads to " . (defined('AEGIR_SITE') ? 'sites/' . AEGIR_SITE . ", not to sites/{$aegir_options['directory']}" : 'no site of this platform'));
  }
  $aegir_down = ABSPATH . 'sites/' . AEGIR_SITE . '/.down';
  if ($aegir_action === 'maintenance') {
    // A file, so that it works for a site whose database is away.
    $aegir_ok = empty($aegir_options['on']) ? !is_file($aegir_down) || unlink($aegir_down) : touch($aegir_down);
    clearstatcache();
    AegirDriver::result(['ok' => $aegir_ok, 'maintenance' => is_file($aegir_down)]);
    exit($aegir_ok ? 0 : 1);
  }

  $aegir_database = AegirDriver::connect($aegir_options);
  $aegir_tables = AegirDriver::tables($aegir_database);
  if ($aegir_action === 'install') {
    if (!empty($aegir_options['fresh'])) {
      AegirDriver::wipe($aegir_database, $aegir_options);
    }
    elseif ($aegir_tables) {
      // The last thing an install does is to make the first user.
      $aegir_finished = isset($aegir_tables["{$table_prefix}users"]) && $aegir_database->query("SELECT COUNT(*) FROM `{$table_prefix}users`")->fetch_row()[0] > 0;
      throw new AegirFailure('already_installed', $aegir_finished ? 'the site is already installed' : 'the database is not empty: it holds ' . count($aegir_tables) . ' tables', ['finished' => $aegir_finished, 'tables' => count($aegir_tables)]);
    }
    if (!isset($aegir_options['account_pass']) || $aegir_options['account_pass'] === '') {
      throw new AegirFailure('other', 'an install needs "account_pass"');
    }
    // Pluggable: WordPress would mail the address and password of the site.
    function wp_new_blog_notification() {
    }
  }
  elseif (!isset($aegir_tables["{$table_prefix}options"])) {
    throw new AegirFailure('db_damaged', $aegir_tables ? "it has no table {$table_prefix}options, and " . count($aegir_tables) . ' others' : 'there is no table in it');
  }
  $aegir_database->close();

  ob_start();
  require_once ABSPATH . 'wp-settings.php';

  switch ($aegir_action) {
    case 'install':
      require_once ABSPATH . 'wp-admin/includes/upgrade.php';
      add_filter('pre_http_request', function () {
        return new WP_Error('offline', 'no request while installing'); // it would ask the site that is not there yet
      });
      add_filter('pre_wp_mail', '__return_false');
      $aegir_locale = isset($aegir_options['locale']) ? $aegir_options['locale'] : (isset($aegir_options['langcode']) ? $aegir_options['langcode'] : '');
      $aegir_locale = in_array($aegir_locale, ['', 'en', 'en_US']) ? '' : str_replace('-', '_', $aegir_locale);
      if ($aegir_locale !== '') {
        if (!in_array($aegir_locale, get_available_languages())) {
          throw new AegirFailure('other', "this platform has no translation for '$aegir_locale'; it has: " . (implode(', ', get_available_languages()) ?: 'none'));
        }
        load_default_textdomain($aegir_locale);
        $GLOBALS['wp_locale'] = new WP_Locale();
      }
      $aegir_mail = isset($aegir_options['account_mail']) ? $aegir_options['account_mail'] : "admin@{$aegir_url['host']}";
      $aegir_result = wp_install(
        isset($aegir_options['site_name']) ? $aegir_options['site_name'] : $aegir_url['host'],
        isset($aegir_options['account_name']) ? $aegir_options['account_name'] : 'admin',
        $aegir_mail, TRUE, '', wp_slash($aegir_options['account_pass']), $aegir_locale
      );
      if (!empty($aegir_options['site_mail'])) {
        update_option('admin_email', $aegir_options['site_mail']);
      }
      if (!get_option('siteurl') || empty($aegir_result['user_id']) || !wp_check_password(wp_slash(trim($aegir_options['account_pass'])), get_userdata($aegir_result['user_id'])->user_pass)) {
        throw new AegirFailure('other', 'WordPress reported no error, but the site is not complete');
      }
      AegirDriver::result(['ok' => TRUE, 'version' => $wp_version, 'directory' => AEGIR_SITE, 'siteurl' => get_option('siteurl'), 'db_version' => (int) get_option('db_version'), 'memory' => memory_get_peak_usage()]);
      break;

    case 'status':
      require_once ABSPATH . 'wp-admin/includes/plugin.php';
      $aegir_active = (array) get_option('active_plugins');
      $aegir_uploads = wp_upload_dir(NULL, FALSE);
      $aegir_modules = $aegir_themes = [];
      foreach (get_plugins() as $aegir_name => $aegir_plugin) {
        if (in_array($aegir_name, $aegir_active)) {
          $aegir_modules[$aegir_name] = ['version' => $aegir_plugin['Version']];
        }
      }
      foreach (array_unique([get_stylesheet(), get_template()]) as $aegir_name) {
        $aegir_themes[$aegir_name] = ['version' => wp_get_theme($aegir_name)->exists() ? wp_get_theme($aegir_name)->get('Version') : NULL];
      }
      AegirDriver::result([
        'ok' => TRUE, 'version' => $wp_version, 'php' => PHP_VERSION, 'directory' => AEGIR_SITE,
        'db_version' => (int) get_option('db_version'), 'code_db_version' => (int) $wp_db_version,
        'site_name' => wp_specialchars_decode(get_option('blogname'), ENT_QUOTES), 'langcode' => get_locale(), 'siteurl' => get_option('siteurl'), 'home' => get_option('home'),
        'theme' => get_stylesheet(), 'theme_found' => wp_get_theme()->exists(), 'plugins_missing' => array_values(array_diff($aegir_active, array_keys($aegir_modules))),
        'maintenance' => is_file($aegir_down), 'files' => substr($aegir_uploads['basedir'], strlen(ABSPATH)),
        'counts' => ['modules' => count($aegir_modules), 'themes' => count($aegir_themes)],
      ] + (empty($aegir_options['full']) ? [] : ['modules' => $aegir_modules, 'themes' => $aegir_themes]));
      break;

    case 'cron':
      $aegir_ran = 0;
      $aegir_now = microtime(TRUE);
      // The lock of wp-cron.php: two runs at once would do everything twice.
      if ((float) get_transient('doing_cron') + WP_CRON_LOCK_TIMEOUT > $aegir_now) {
        throw new AegirFailure('other', 'cron did not run: another run holds the lock');
      }
      set_transient('doing_cron', sprintf('%.22F', $aegir_now));
      try {
        foreach ((array) _get_cron_array() as $aegir_time => $aegir_hooks) {
          if (!is_int($aegir_time) || $aegir_time > $aegir_now) {
            continue;
          }
          foreach ($aegir_hooks as $aegir_hook => $aegir_events) {
            foreach ($aegir_events as $aegir_event) {
              if ($aegir_event['schedule']) {
                wp_reschedule_event($aegir_time, $aegir_event['schedule'], $aegir_hook, $aegir_event['args']);
              }
              wp_unschedule_event($aegir_time, $aegir_hook, $aegir_event['args']);
              do_action_ref_array($aegir_hook, $aegir_event['args']);
              $aegir_ran++;
            }
          }
        }
      }
      finally {
        delete_transient('doing_cron');
      }
      AegirDriver::result(['ok' => TRUE, 'ran' => $aegir_ran, 'cron_last' => time()]);
      break;

    case 'cache':
      wp_cache_flush();
      $wpdb->query("DELETE FROM $wpdb->options WHERE option_name LIKE '\\_transient\\_%' OR option_name LIKE '\\_site\\_transient\\_%'");
      flush_rewrite_rules(FALSE);
      AegirDriver::result(['ok' => TRUE]);
      break;

    case 'login':
      if (!function_exists('aegir_login_url')) {
        throw new AegirFailure('other', 'wp-content/mu-plugins/aegir-login.php is missing from the platform');
      }
      // The first account may have been deleted: any administrator will do.
      $aegir_user = isset($aegir_options['uid']) ? get_userdata($aegir_options['uid']) : current(get_users(['role' => 'administrator', 'orderby' => 'ID', 'number' => 1]));
      if (!$aegir_user) {
        throw new AegirFailure('no_account', isset($aegir_options['uid']) ? "there is no account with the ID {$aegir_options['uid']}" : 'no account of the site is an administrator');
      }
      AegirDriver::result(['ok' => TRUE, 'url' => aegir_login_url($aegir_user->ID), 'account' => $aegir_user->user_login]);
      break;

    case 'update':
      require_once ABSPATH . 'wp-admin/includes/upgrade.php';
      $aegir_from = (int) get_option('db_version');
      if ($aegir_from > (int) $wp_db_version) {
        throw new AegirFailure('requirements', "the database is of a later WordPress ($aegir_from) than the code ($wp_db_version)");
      }
      $aegir_pending = $aegir_from === (int) $wp_db_version ? [] : ['wordpress' => ["$aegir_from -> $wp_db_version"]];
      if (empty($aegir_options['list_only'])) {
        wp_upgrade();
        wp_cache_flush();
        if ((int) get_option('db_version') !== (int) $wp_db_version) {
          throw new AegirFailure('other', 'the database is still at ' . get_option('db_version'));
        }
      }
      AegirDriver::result(['ok' => TRUE, 'pending' => $aegir_pending, 'from' => $aegir_from, 'to' => (int) get_option('db_version')]);
      break;

    case 'enable':
    case 'disable':
      require_once ABSPATH . 'wp-admin/includes/plugin.php';
      $aegir_result = $aegir_action === 'enable' ? activate_plugins((array) $aegir_options['modules']) : deactivate_plugins((array) $aegir_options['modules']);
      if (is_wp_error($aegir_result)) {
        throw new AegirFailure('other', $aegir_result->get_error_message() . ' ' . implode(' ', array_map(function ($error) {
          return is_wp_error($error) ? $error->get_error_message() : '';
        }, (array) $aegir_result->get_error_data())));
      }
      AegirDriver::result(['ok' => TRUE]);
      break;

    case 'rename':
      // Name and directory have changed: rewrite every stored value, going into serialised ones. A post's guid stays.
      $aegir_pairs = ["sites/{$aegir_options['old']}/" => 'sites/' . AEGIR_SITE . '/'];
      foreach (['http://', 'https://'] as $aegir_scheme) {
        $aegir_pairs[$aegir_scheme . $aegir_options['old_host']] = WP_HOME;
      }
      foreach ($aegir_pairs as $aegir_old => $aegir_new) {
        $aegir_pairs[str_replace('/', '\\/', $aegir_old)] = str_replace('/', '\\/', $aegir_new); // inside JSON
      }
      $aegir_walk = function ($value) use (&$aegir_walk, $aegir_pairs) {
        if (is_string($value)) {
          if (is_serialized($value) && ($inner = @unserialize($value, ['allowed_classes' => ['stdClass']])) !== FALSE) {
            // A class that is not known here would not survive; such a value stays as it is.
            return strpos($value, 'O:') !== FALSE && preg_match('/[;{]O:\d+:"(?!stdClass")/', ";$value") ? $value : serialize($aegir_walk($inner));
          }
          return strtr($value, $aegir_pairs);
        }
        if (is_array($value)) {
          return array_map($aegir_walk, $value);
        }
        if ($value instanceof stdClass) {
          foreach (get_object_vars($value) as $name => $part) {
            $value->$name = $aegir_walk($part);
          }
        }
        return $value;
      };
      $aegir_rows = 0;
      foreach ($wpdb->get_col($wpdb->prepare('SHOW TABLES LIKE %s', $wpdb->esc_like($table_prefix) . '%')) as $aegir_table) {
        $aegir_columns = $wpdb->get_results("SHOW COLUMNS FROM `$aegir_table`");
        $aegir_keys = $aegir_texts = [];
        foreach ($aegir_columns as $aegir_column) {
          if ($aegir_column->Key === 'PRI') {
            $aegir_keys[] = $aegir_column->Field;
          }
          elseif (preg_match('/char|text/i', $aegir_column->Type) && !($aegir_table === $wpdb->posts && $aegir_column->Field === 'guid')) {
            $aegir_texts[] = $aegir_column->Field;
          }
        }
        if (!$aegir_keys || !$aegir_texts) {
          continue;
        }
        $aegir_where = [];
        foreach ($aegir_texts as $aegir_text) {
          foreach ([$aegir_options['old'], $aegir_options['old_host']] as $aegir_old) {
            $aegir_where[] = $wpdb->prepare("`$aegir_text` LIKE %s", '%' . $wpdb->esc_like($aegir_old) . '%');
          }
        }
        foreach ($wpdb->get_results("SELECT * FROM `$aegir_table` WHERE " . implode(' OR ', $aegir_where), ARRAY_A) as $aegir_row) {
          $aegir_set = [];
          foreach ($aegir_texts as $aegir_text) {
            $aegir_new = $aegir_walk($aegir_row[$aegir_text]);
            if ($aegir_new !== $aegir_row[$aegir_text]) {
              $aegir_set[$aegir_text] = $aegir_new;
            }
          }
          if ($aegir_set) {
            $wpdb->update($aegir_table, $aegir_set, array_intersect_key($aegir_row, array_flip($aegir_keys)));
            $aegir_rows++;
          }
        }
      }
      wp_cache_flush();
      AegirDriver::result(['ok' => TRUE, 'rows' => $aegir_rows]);
      break;

    default:
      throw new AegirFailure('other', "no such action: $aegir_action");
  }
}
catch (Throwable $aegir_error) {
  if (!$aegir_error instanceof AegirFailure) {
    fwrite(STDERR, get_class($aegir_error) . ' @ ' . $aegir_error->getFile() . ':' . $aegir_error->getLine() . "\n");
  }
  AegirDriver::fail(AegirDriver::kind($aegir_error), get_class($aegir_error), $aegir_error->getMessage(), $aegir_error instanceof AegirFailure ? $aegir_error->extra : AegirDriver::at($aegir_error->getFile(), $aegir_error->getLine()));
}

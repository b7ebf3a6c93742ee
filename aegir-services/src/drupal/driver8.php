<?php
// Aegir's driver for one site of a Drupal 8 or later platform.
//
//   php -- ACTION DOCROOT URI      with this file on standard input, after a block that sets $AEGIR_OPTIONS
//
// Coming from standard input, nothing has to be installed on the web server and no secret is ever in an argument.
// The last line that starts with "RESULT " is the answer, in JSON. It counts as success only with exit code 0.

use Drupal\Core\Database\Database;
use Drupal\Core\DrupalKernel;
use Drupal\Core\Site\Settings;
use Drupal\Core\Update\UpdateKernel;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Routing\Route;

umask(0002); // the web server's group writes to what is made here
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
ini_set('display_errors', 'stderr');
ini_set('html_errors', '0');
ini_set('memory_limit', '768M');
ini_set('zend.exception_ignore_args', '1');
set_time_limit(0);
// PHP leaves these out when the script itself comes from standard input; modules and Composer expect them.
foreach (['STDIN' => 'r', 'STDOUT' => 'w', 'STDERR' => 'w'] as $name => $mode) {
  defined($name) || define($name, fopen('php://' . strtolower($name), $mode));
}

/** A failure whose kind is known. */
class AegirFailure extends \Exception {
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
    return new \PDO("mysql:$where;dbname={$info['database']}", $info['username'], $info['password'], [\PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION, \PDO::ATTR_TIMEOUT => 10] + (empty($info['pdo']) ? [] : $info['pdo']));
  }

  public static function tables(\PDO $pdo) {
    return $pdo->query('SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()')->fetchAll(\PDO::FETCH_KEY_PAIR);
  }

  /** Empties the database, so that an install that died half-way can be run again. */
  public static function wipe(\PDO $pdo, array $options) {
    if (empty($options['expect_database']) || $pdo->query('SELECT DATABASE()')->fetchColumn() !== $options['expect_database']) {
      throw new AegirFailure('other', 'a fresh install needs "expect_database", and it must be the database of the site');
    }
    $pdo->exec('SET FOREIGN_KEY_CHECKS = 0');
    foreach (self::tables($pdo) as $name => $type) {
      $pdo->exec('DROP ' . ($type === 'VIEW' ? 'VIEW' : 'TABLE') . ' IF EXISTS `' . str_replace('`', '``', $name) . '`');
    }
  }

  public static function kind(\Throwable $e, $options) {
    $name = preg_replace('/^.*\\\\/', '', get_class($e));
    $message = strip_tags($e->getMessage());
    if ($e instanceof AegirFailure) {
      return $e->kind;
    }
    if ($name === 'AlreadyInstalledException') {
      return 'already_installed';
    }
    if ($name === 'UnknownExtensionException' && isset($options['profile']) && strpos($message, $options['profile']) !== FALSE) {
      return 'unknown_profile';
    }
    if ($name === 'ConnectionNotDefinedException') {
      return 'no_such_site';
    }
    if ($name === 'DatabaseNotFoundException' || preg_match('/\[1049\]/', $message)) {
      return 'db_missing';
    }
    if ($name === 'DatabaseAccessDeniedException' || preg_match('/\[(1044|1045|1130|1698|200[0-9]|2013|2054)\]/', $message)) {
      return 'db_access';
    }
    if (strpos($message, 'Composer detected issues in your platform') !== FALSE) {
      return 'wrong_php';
    }
    if (isset($GLOBALS['install_state']['active_task']) && $GLOBALS['install_state']['active_task'] === 'install_verify_requirements') {
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
    if (!@chdir($docroot) || !is_file('core/lib/Drupal.php')) {
      throw new AegirFailure('other', "no Drupal 8 or later at $docroot");
    }
    $root = getcwd();

    // Read as text: a core that cannot run on this PHP cannot be asked.
    $source = file_get_contents("$root/core/lib/Drupal.php");
    $version = preg_match("/const VERSION = '([^']+)'/", $source, $found) ? $found[1] : '0';
    if (!preg_match("/const MINIMUM_PHP = '([^']+)'/", $source, $found)) {
      preg_match("/DRUPAL_MINIMUM_PHP'?\s*[,=]\s*'([^']+)'/", (string) @file_get_contents("$root/core/includes/bootstrap.inc"), $found);
    }
    $minimum = isset($found[1]) ? $found[1] : '5.5.9';
    if (version_compare(PHP_VERSION, $minimum, '<')) {
      throw new AegirFailure('wrong_php', "Drupal $version needs PHP $minimum or later, this is PHP " . PHP_VERSION);
    }
    if (version_compare($version, '9', '<') && PHP_MAJOR_VERSION >= 8) {
      throw new AegirFailure('wrong_php', "Drupal $version does not run on PHP 8, this is PHP " . PHP_VERSION);
    }

    $url = parse_url(strpos($uri, '://') ? $uri : "http://$uri");
    $https = isset($url['scheme']) && $url['scheme'] === 'https';
    $base = isset($url['path']) ? rtrim($url['path'], '/') : '';
    $_SERVER = [
      'HTTP_HOST' => $url['host'] . (isset($url['port']) ? ":{$url['port']}" : ''),
      'SERVER_NAME' => $url['host'], 'SERVER_PORT' => isset($url['port']) ? $url['port'] : ($https ? 443 : 80),
      'SERVER_ADDR' => '127.0.0.1', 'REMOTE_ADDR' => '127.0.0.1', 'SERVER_SOFTWARE' => 'cli', 'SERVER_PROTOCOL' => 'HTTP/1.1',
      'SCRIPT_NAME' => "$base/index.php", 'PHP_SELF' => "$base/index.php", 'SCRIPT_FILENAME' => "$root/index.php",
      'REQUEST_URI' => "$base/", 'REQUEST_METHOD' => 'GET', 'QUERY_STRING' => '', 'HTTP_USER_AGENT' => 'Aegir',
    ] + ($https ? ['HTTPS' => 'on'] : []) + $_SERVER;

    $loader = require "$root/autoload.php";
    $request = Request::createFromGlobals();
    DrupalKernel::bootEnvironment($root);
    $quiet = function () {
      error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
    };
    $quiet();

    // Core falls back to sites/default without a word; that is another site.
    $site_path = is_file("$root/sites/sites.php") ? DrupalKernel::findSitePath($request) : 'sites/default';
    $directory = isset($options['directory']) ? $options['directory'] : NULL;
    if (!is_file("$root/$site_path/settings.php") || ($directory === NULL ? $site_path === 'sites/default' : $site_path !== "sites/$directory")) {
      throw new AegirFailure('no_such_site', is_file("$root/sites/sites.php") ? "'$uri' leads to $site_path" . ($directory === NULL ? '' : ", not to sites/$directory") . ': no such site on this platform' : 'sites/sites.php is missing, so Drupal ignores every site but sites/default');
    }

    Settings::initialize($root, $site_path, $loader);
    $connections = Database::getConnectionInfo('default');
    if (empty($connections['default'])) {
      throw new AegirFailure('no_such_site', "$site_path/settings.php defines no database");
    }
    $pdo = AegirDriver::connect($connections['default'], $options);
    $tables = $pdo ? AegirDriver::tables($pdo) : [];

    if ($action === 'install') {
      if ($pdo && !empty($options['fresh'])) {
        AegirDriver::wipe($pdo, $options);
      }
      elseif ($tables) {
        $finished = isset($tables['key_value']) && $pdo->query("SELECT COUNT(*) FROM key_value WHERE collection = 'state' AND name = 'install_task' AND value LIKE '%done%'")->fetchColumn();
        throw new AegirFailure('already_installed', $finished ? 'the site is already installed' : 'the database is not empty: it holds ' . count($tables) . ' tables', ['finished' => (bool) $finished, 'tables' => count($tables)]);
      }
      $pdo = NULL;
      require_once "$root/core/includes/install.core.inc";
      $mail = isset($options['account_mail']) ? $options['account_mail'] : 'admin@' . $url['host'];
      if (!isset($options['account_pass']) || $options['account_pass'] === '') {
        throw new AegirFailure('other', 'an install needs "account_pass"');
      }
      $modes = [];
      foreach (["$root/$site_path", "$root/$site_path/settings.php"] as $path) {
        $modes[$path] = fileperms($path) & 07777;
      }
      // Every option given at once makes the installer run without a person.
      $settings = [
        'site_path' => $site_path,
        'parameters' => [
          'profile' => isset($options['profile']) ? $options['profile'] : 'standard',
          'langcode' => isset($options['langcode']) ? $options['langcode'] : (isset($options['locale']) ? $options['locale'] : 'en'),
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
            'date_default_timezone' => isset($options['timezone']) ? $options['timezone'] : 'UTC',
            'site_default_country' => '',
            // A checkbox is unticked by NULL only. Ticked, each cron would ask drupal.org about updates.
            'enable_update_status_module' => NULL,
            'enable_update_status_emails' => NULL,
          ],
        ],
      ];
      ob_start();
      try {
        install_drupal($loader, $settings, function (array $state) {
          $tasks = array_keys(install_tasks($state));
          $at = array_search($state['active_task'], $tasks);
          AegirDriver::progress($at === FALSE ? 0 : $at + 1, count($tasks), str_replace('_', ' ', $state['active_task']));
        });
      }
      finally {
        // The installer takes away the write permission that later deploys need.
        foreach ($modes as $path => $mode) {
          @chmod($path, $mode);
        }
      }
      AegirDriver::result(['ok' => TRUE, 'version' => \Drupal::VERSION, 'directory' => substr($site_path, 6), 'profile' => \Drupal::installProfile(), 'memory' => memory_get_peak_usage()]);
      return;
    }

    if ($pdo && !$tables) {
      throw new AegirFailure('db_damaged', 'there is no table in it');
    }
    // A half-made site boots, and would pass for a whole one.
    if (isset($tables['key_value'])) {
      $task = $pdo->query("SELECT value FROM key_value WHERE collection = 'state' AND name = 'install_task'")->fetchColumn();
      if ($task !== FALSE && strpos($task, '"done"') === FALSE) {
        throw new AegirFailure('no_such_site', "the install of $site_path never finished");
      }
    }
    $pdo = NULL;

    if ($action === 'cache') {
      // Works with a stale or broken container too, which a normal boot would trip over.
      require_once "$root/core/includes/utility.inc";
      drupal_rebuild($loader, $request);
      AegirDriver::result(['ok' => TRUE]);
      return;
    }

    if ($action === 'update') {
      $kernel = new UpdateKernel('prod', $loader, FALSE);
      $kernel->setSitePath($site_path);
      $kernel->boot();
      $kernel->getContainer()->get('request_stack')->push($request);
      $request->attributes->set('_route', 'system.db_update');
      $request->attributes->set('_route_object', new Route('/update.php'));
      $kernel->preHandle($request);
      $quiet();
      require_once "$root/core/includes/install.inc";
      require_once "$root/core/includes/update.inc";
      drupal_load_updates();
      $bad = [];
      foreach (update_check_requirements() as $name => $requirement) {
        $severity = isset($requirement['severity']) ? $requirement['severity'] : NULL;
        if ($severity === 2 || ($severity instanceof \UnitEnum && $severity->name === 'Error')) {
          $text = isset($requirement['description']) ? $requirement['description'] : (isset($requirement['value']) ? $requirement['value'] : '');
          if (is_array($text)) {
            $text = \Drupal::service('renderer')->renderInIsolation($text);
          }
          $bad[$name] = AegirDriver::line((isset($requirement['title']) ? $requirement['title'] : $name) . ': ' . $text);
        }
      }
      if ($bad && empty($options['force'])) {
        throw new AegirFailure('requirements', implode('; ', $bad), ['requirements' => $bad]);
      }
      $registry = \Drupal::hasService('update.update_hook_registry') ? \Drupal::service('update.update_hook_registry') : NULL;
      $pending = $start = [];
      foreach (update_get_update_list() as $module => $update) {
        if (isset($update['start'])) {
          $start[$module] = $update['start'];
          $pending[$module] = array_map('strval', $update['pending']);
        }
        elseif (!empty($update['warning'])) {
          $pending[$module] = ['warning' => AegirDriver::line($update['warning'])];
        }
      }
      $post = \Drupal::service('update.post_update_registry')->getPendingUpdateFunctions();
      if (!empty($options['list_only'])) {
        AegirDriver::result(['ok' => TRUE, 'pending' => $pending, 'pending_post' => $post]);
        return;
      }
      $hooks = update_resolve_dependencies($start);
      $total = count($hooks) + count($post);
      $done = $abort = [];
      $run = function ($function, $module, $number, callable $step) use (&$done, &$abort, $total) {
        AegirDriver::progress(count($done), $total, $function);
        $context = ['results' => [], 'sandbox' => [], 'finished' => 1, 'message' => ''];
        do {
          $context['finished'] = 1;
          $step($context);
        } while ($context['finished'] < 1 && empty($context['results']['#abort']));
        if (!empty($context['results']['#abort'])) {
          $why = isset($context['results'][$module][$number]['#abort']['query']) ? $context['results'][$module][$number]['#abort']['query'] : NULL;
          if ($why === NULL && isset($context['results'][$module][$number]['results']['query'])) {
            $why = $context['results'][$module][$number]['results']['query'];
          }
          $abort[$function] = AegirDriver::line($why === NULL ? 'failed' : $why);
          return FALSE;
        }
        $done[] = $function;
        return TRUE;
      };
      $was = \Drupal::state()->get('system.maintenance_mode', FALSE);
      \Drupal::state()->set('system.maintenance_mode', TRUE);
      try {
        $first = $start;
        foreach ($hooks as $function => $update) {
          if (!$update['allowed']) {
            $abort[$function] = 'missing dependencies: ' . implode(', ', isset($update['missing_dependencies']) ? $update['missing_dependencies'] : []);
            break;
          }
          if (isset($first[$update['module']])) {
            $registry ? $registry->setInstalledVersion($update['module'], $update['number'] - 1) : drupal_set_installed_schema_version($update['module'], $update['number'] - 1);
            unset($first[$update['module']]);
          }
          if (!$run($function, $update['module'], (string) $update['number'], function (&$context) use ($update) {
            update_do_one($update['module'], $update['number'], [], $context);
          })) {
            break;
          }
        }
        if (!$abort && $post) {
          drupal_flush_all_caches();
          foreach ($post as $function) {
            list($module, $number) = explode('_post_update_', $function, 2);
            if (!$run($function, $module, $number, function (&$context) use ($function) {
              update_invoke_post_update($function, $context);
            })) {
              break;
            }
          }
        }
        drupal_flush_all_caches();
      }
      finally {
        // A failed update leaves the site down: half-updated data must not be served.
        if (!$abort) {
          \Drupal::state()->set('system.maintenance_mode', $was);
        }
      }
      if ($abort) {
        throw new AegirFailure('other', key($abort) . ': ' . current($abort), ['pending' => $pending, 'pending_post' => $post, 'done' => $done, 'abort' => $abort]);
      }
      AegirDriver::result(['ok' => TRUE, 'pending' => $pending, 'pending_post' => $post, 'done' => $done]);
      return;
    }

    // Everything else: an ordinary boot for the URI.
    $kernel = new DrupalKernel('prod', $loader);
    $kernel->setSitePath($site_path);
    $kernel->boot();
    $request->attributes->set('_route', '<none>');
    $request->attributes->set('_route_object', new Route('<none>'));
    $kernel->preHandle($request); // loads the modules, registers the stream wrappers
    $quiet();
    $container = $kernel->getContainer();
    $state = \Drupal::state();

    switch ($action) {
      case 'status':
        $registry = $container->has('update.update_hook_registry') ? $container->get('update.update_hook_registry') : NULL;
        $modules = $themes = [];
        foreach ($container->get('extension.list.module')->getAllInstalledInfo() as $name => $info) {
          $modules[$name] = ['version' => isset($info['version']) ? $info['version'] : NULL, 'schema' => (int) ($registry ? $registry->getInstalledVersion($name) : drupal_get_installed_schema_version($name))];
        }
        foreach ($container->get('theme_handler')->listInfo() as $name => $theme) {
          $themes[$name] = ['version' => isset($theme->info['version']) ? $theme->info['version'] : NULL];
        }
        $profile = \Drupal::installProfile();
        $site = \Drupal::config('system.site');
        AegirDriver::result([
          'ok' => TRUE, 'version' => \Drupal::VERSION, 'php' => PHP_VERSION, 'directory' => substr($site_path, 6),
          'profile' => $profile, 'profile_version' => $profile && isset($modules[$profile]) ? $modules[$profile]['version'] : NULL,
          'site_name' => $site->get('name'), 'site_uuid' => $site->get('uuid'), 'langcode' => $site->get('default_langcode'),
          'theme' => \Drupal::config('system.theme')->get('default'), 'maintenance' => (bool) $state->get('system.maintenance_mode'),
          'files' => Settings::get('file_public_path', "$site_path/files"), 'private' => Settings::get('file_private_path'),
          'temp' => $container->get('file_system')->getTempDirectory(), 'sync' => Settings::get('config_sync_directory'),
          'cron_last' => $state->get('system.cron_last'), 'counts' => ['modules' => count($modules), 'themes' => count($themes)],
        ] + (empty($options['full']) ? [] : ['modules' => $modules, 'themes' => $themes]));
        break;

      case 'cron':
        if (!$container->get('cron')->run()) {
          throw new AegirFailure('other', 'cron did not run: another run holds the lock');
        }
        AegirDriver::result(['ok' => TRUE, 'cron_last' => $state->get('system.cron_last')]);
        break;

      case 'login':
        $account = \Drupal\user\Entity\User::load(isset($options['uid']) ? $options['uid'] : 1);
        if (!$account || !$account->isActive()) {
          throw new AegirFailure('no_account', 'the account ' . (isset($options['uid']) ? $options['uid'] : 1) . ' does not exist or is blocked');
        }
        AegirDriver::result(['ok' => TRUE, 'url' => user_pass_reset_url($account) . '/login', 'account' => $account->getAccountName()]);
        break;

      case 'maintenance':
        $state->set('system.maintenance_mode', !empty($options['on']));
        // Pages in the caches would be served regardless.
        foreach (['page', 'dynamic_page_cache', 'render'] as $bin) {
          if ($container->has("cache.$bin")) {
            $container->get("cache.$bin")->deleteAll();
          }
        }
        AegirDriver::result(['ok' => TRUE, 'maintenance' => (bool) $state->get('system.maintenance_mode')]);
        break;

      case 'enable':
        if (!$container->get('module_installer')->install((array) $options['modules'])) {
          throw new AegirFailure('other', 'not enabled: a module is missing, or one that it needs is');
        }
        AegirDriver::result(['ok' => TRUE]);
        break;

      case 'disable':
        $container->get('module_installer')->uninstall((array) $options['modules']);
        AegirDriver::result(['ok' => TRUE]);
        break;

      case 'rename':
        // The directory has moved and settings.php is new. Managed files are public:// addresses; what needs rewriting is
        // a literal path to the old files directory in text fields and configuration.
        $old = "sites/{$options['old']}/";
        $new = "$site_path/";
        $database = \Drupal::database();
        $rows = 0;
        $manager = \Drupal::service('entity_field.manager');
        foreach ($manager->getFieldMap() as $type => $fields) {
          $storage = \Drupal::entityTypeManager()->getStorage($type);
          if (!$storage instanceof \Drupal\Core\Entity\Sql\SqlEntityStorageInterface) {
            continue;
          }
          $map = $storage->getTableMapping();
          $definitions = $manager->getFieldStorageDefinitions($type);
          foreach ($fields as $name => $field) {
            if (!in_array($field['type'], ['text', 'text_long', 'text_with_summary']) || !isset($definitions[$name])) {
              continue;
            }
            $tables = [$map->getFieldTableName($name)];
            if ($map->requiresDedicatedTableStorage($definitions[$name]) && \Drupal::entityTypeManager()->getDefinition($type)->isRevisionable()) {
              $tables[] = $map->getDedicatedRevisionTableName($definitions[$name]);
            }
            foreach (array_unique(array_filter($tables)) as $table) {
              foreach (array_intersect(['value', 'summary'], $definitions[$name]->getPropertyNames()) as $property) {
                $column = $map->getFieldColumnName($definitions[$name], $property);
                if ($database->schema()->fieldExists($table, $column)) {
                  $rows += $database->update($table)->expression($column, "REPLACE($column, :old, :new)", [':old' => "{$old}files", ':new' => "{$new}files"])
                    ->condition($column, '%' . $database->escapeLike("{$old}files") . '%', 'LIKE')->execute();
                }
              }
            }
          }
        }
        $changed = [];
        foreach (\Drupal::configFactory()->listAll() as $name) {
          $config = \Drupal::configFactory()->getEditable($name);
          $data = $config->getRawData();
          $hit = FALSE;
          array_walk_recursive($data, function (&$value) use ($old, $new, &$hit) {
            if (is_string($value) && strpos($value, $old) !== FALSE) {
              $value = str_replace($old, $new, $value);
              $hit = TRUE;
            }
          });
          if ($hit) {
            $config->setData($data)->save(TRUE);
            $changed[] = $name;
          }
        }
        require_once "$root/core/includes/utility.inc";
        drupal_rebuild($loader, $request);
        AegirDriver::result(['ok' => TRUE, 'text_rows' => $rows, 'config' => $changed]);
        break;

      default:
        throw new AegirFailure('other', "no such action: $action");
    }
  }
  // Core puts its own exception handlers in place while it boots, so catch here.
  catch (\Throwable $e) {
    if (!$e instanceof AegirFailure) {
      fwrite(STDERR, get_class($e) . ' @ ' . $e->getFile() . ':' . $e->getLine() . "\n");
    }
    $message = AegirDriver::line($e->getMessage());
    AegirDriver::fail(AegirDriver::kind($e, $options), get_class($e), $message === '' ? get_class($e) : $message, $e instanceof AegirFailure ? $e->extra : AegirDriver::at($e->getFile(), $e->getLine()));
  }
}, $argv, isset($AEGIR_OPTIONS) && is_array($AEGIR_OPTIONS) ? $AEGIR_OPTIONS : []);


# Apache: what Aegir wrote becomes what root's Apache reads, and only through here.
#
#   helper apache test [FILE…]    tests the configuration with what stands in .candidate, and without these files
#   helper apache apply           takes the configuration over, tests it, and loads it; if Apache does not survive that,
#                                 the one before it is back
#   helper apache same FILE…      whether these files are served as Aegir wrote them; status 1: no
#   helper apache vhosts          says which virtual hosts are not Aegir's, one a line: address, name, file, line
#
# Two trees, a and b, of which `live` is a link to the one that Apache reads; the other one is made, tested, and takes its
# place by a rename. So a kill at any moment leaves one whole configuration.

{
  my ($TOP, @PARTS) = ('apache.conf', 'pre.d', 'vhost.d', 'platform.d', 'post.d');
  my ($FILE_LIMIT, $FILE_COUNT, $IN_ALL) = (2 << 20, 100_000, 1 << 30);
  my ($CONTROL, $PID_FILE) = ('/usr/sbin/apache2ctl', '/run/apache2/apache2.pid');
  my $OPERATORS = '/etc/aegir/apache-allow.conf';
  my $HOME = "$AEGIR{state}/apache";

  # --- What a directive may say -------------------------------------------------------------------------------------

  # Words as Apache splits them: quotes hold one together, a backslash keeps a quote from ending it.
  sub apache_words {
    my ($text) = @_;
    my @words;
    while ($text =~ /\G[ \t]*(?:"((?:[^"\\]|\\.)*)(?:"|\z)|'((?:[^'\\]|\\.)*)(?:'|\z)|([^ \t]+))/gcs) {
      push @words, $1 // $2 // $3
    }
    @words
  }

  # Each of these gets the words behind the directive and says what is wrong with them; undefined: nothing.
  my $log = sub {
    my ($where) = @_;
    return 'starts a program' if ($where // '') =~ /^\s*\|/;
    return undef if ($where // '') =~ m{^(?:\$\{APACHE_LOG_DIR\}|/var/log/apache2)/[A-Za-z0-9][A-Za-z0-9._-]*\z|^syslog(?::[a-z0-9]+)?\z};
    'names a place outside of /var/log/apache2, and root would write there'
  };
  my $options = sub {
    for (@_) {
      return "allows $_, which runs programs or includes files" unless /^[+-]?(?:None|Indexes|(?:Old)?FollowSymLinks|SymLinksIfOwnerMatch|MultiViews|IncludesNoExec)\z/i
        || /^-(?:ExecCGI|Includes)\z/i
    }
    undef
  };
  my $handler = sub {
    my ($name) = @_;
    return undef if $name =~ m{^proxy:unix:/run/php/[A-Za-z0-9._-]+\|fcgi://[a-z0-9.-]+\z|^proxy:fcgi://(?:127\.0\.0\.1|localhost|\[::1\]):\d+/?\z};
    return "hands requests to `$name`" if $name !~ /^[A-Za-z0-9_-]+\z/ || $name =~ /cgi|script|perl|lua|wsgi|isapi|parsed|include|proxy/i;
    undef
  };
  my $filter = sub {
    my ($names) = @_;
    return "puts `$names` behind the answer" if grep { !/^(?:DEFLATE|INFLATE|BROTLI_COMPRESS|SUBSTITUTE|RATE_LIMIT|REFLECTOR)\z/i } split /;/, $names;
    undef
  };
  my $type = sub { $_[0] =~ /cgi|parsed|perl|script-handler/i ? "gives files the type `$_[0]`, which may run them" : undef };
  my $backend = sub {
    for (@_) { return "asks `$_`" if m{[:|]} && !m{^(?:https?|wss?)://[^|]+\z}i && !/^[a-z]+=[^|:]*\z/i }
    undef
  };
  my $rewrite = sub {
    my (undef, $to, $flags) = @_;
    return 'chooses a handler' if ($flags // '') =~ /(?:^|[\[,\s])(?:H|handler)\s*=/i;
    return 'asks a socket' if ($to // '') =~ /^(?:proxy:)?unix:|^(?:fcgi|ajp|scgi|uwsgi|balancer|h2c?):/i;
    undef
  };
  my $map = sub { ($_[1] // '') =~ m{^(?:int:[a-z]+|(?:txt|rnd):/.*)\z} ? undef : 'reads a map by a program or a library' };
  my $listen = sub {
    my ($where) = @_;
    return undef if ($where // '') =~ /^(?:(?:[0-9.]+|\[[0-9a-fA-F:]+\]|\*):)?([0-9]{1,5})\z/ && $1 > 0 && $1 < 65536;
    'names no port'
  };
  my $any = sub { undef };

  # All that may stand there. What is not here is refused: it may load code, run programs, read or write files as root.
  my %MAY = (
    (map { lc($_) => $any } qw(
      <VirtualHost <Directory <DirectoryMatch <Files <FilesMatch <Location <LocationMatch <If <ElseIf <Else <IfModule <IfVersion
      <IfDirective <IfSection <Limit <LimitExcept <RequireAll <RequireAny <RequireNone <Proxy <ProxyMatch
      ServerName ServerAlias ServerAdmin ServerPath ServerSignature ServerTokens UseCanonicalName DocumentRoot
      Alias AliasMatch Redirect RedirectMatch RedirectTemp RedirectPermanent DirectoryIndex DirectorySlash FallbackResource
      IndexOptions IndexIgnore IndexOrderDefault ReadmeName HeaderName AddDescription AddIcon DefaultIcon
      ErrorDocument AcceptPathInfo AllowEncodedSlashes FileETag ContentDigest EnableMMAP EnableSendfile TraceEnable
      Timeout KeepAlive KeepAliveTimeout MaxKeepAliveRequests RequestReadTimeout HostnameLookups Protocols
      LimitRequestBody LimitRequestFields LimitRequestFieldSize LimitRequestLine LimitXMLRequestBody LimitInternalRecursion
      Require Satisfy Order Allow Deny AuthType AuthName AuthUserFile AuthGroupFile AuthMerging AuthDigestDomain AuthDigestQop
      SetEnv UnsetEnv SetEnvIf SetEnvIfNoCase SetEnvIfExpr BrowserMatch BrowserMatchNoCase Header RequestHeader
      ExpiresActive ExpiresByType ExpiresDefault AddDefaultCharset AddCharset AddLanguage DefaultLanguage LanguagePriority
      ForceLanguagePriority AddEncoding RemoveHandler RemoveType RemoveEncoding RemoveCharset RemoveLanguage RemoveOutputFilter
      DeflateCompressionLevel DeflateFilterNote BrotliCompressionQuality
      RewriteEngine RewriteBase RewriteCond RewriteOptions LogFormat ErrorLogFormat LogLevel ExtendedStatus
      ProxyPreserveHost ProxyRequests ProxyTimeout ProxyVia ProxyErrorOverride ProxyPassReverseCookieDomain ProxyPassReverseCookiePath
      CheckSpelling CheckCaseOnly Substitute RemoteIPHeader RemoteIPTrustedProxy RemoteIPInternalProxy
      MaxRequestWorkers ServerLimit StartServers ThreadsPerChild MinSpareThreads MaxSpareThreads MaxConnectionsPerChild)),
    (map { lc($_) => $log } qw(ErrorLog CustomLog TransferLog)),
    (map { lc($_) => $options } qw(Options)),
    (map { lc($_) => $handler } qw(SetHandler AddHandler)),
    (map { lc($_) => $filter } qw(SetOutputFilter AddOutputFilter AddOutputFilterByType)),
    (map { lc($_) => $type } qw(AddType ForceType DefaultType)),
    (map { lc($_) => $backend } qw(ProxyPass ProxyPassMatch ProxyPassReverse)),
    (map { lc($_) => $rewrite } qw(RewriteRule)),
    rewritemap => $map,
    listen => $listen,
    allowoverride => sub { ("@_" =~ /^None\z/i) ? undef : 'lets files of sites configure Apache' },
    authbasicprovider => sub { ("@_" =~ /^(?:file|anon|dbm|socache| )+\z/i) ? undef : 'asks a provider that may run programs' },
    authdigestprovider => sub { ("@_" =~ /^file\z/i) ? undef : 'asks a provider that may run programs' },
  );

  # Only Aegir's own first file includes, and only what is taken over, too.
  my %INCLUDES = map { ("\${AEGIR_CONFIG}/$_/*.conf" => 1) } @PARTS;

  # An operator's own exceptions: a directive's name allows it, with words behind it only with exactly these.
  my %EXCEPTION;
  sub apache_exceptions {
    my $text = roots($OPERATORS) // return;
    for my $line (split /\n/, $text) {
      my $plain = join ' ', split ' ', $line;
      next if $plain eq '' || $plain =~ /^#/;
      my ($name, $rest) = split / /, $plain, 2;
      $EXCEPTION{defined $rest ? lc($name) . " $rest" : lc $name} = 1
    }
  }

  # A file as the lines that Apache makes of it: a backslash at the end joins the next one. Lines keep their numbers.
  sub apache_lines {
    my ($file, $text) = @_;
    my (@lines, $open);
    my $number = 0;
    for my $line (split /\n/, $text, -1) {
      $number++;
      $line =~ s/\r\z//;
      refuse('refused', $file, $number, 'holds a control character') if $line =~ /[\x00-\x08\x0b-\x1f\x7f]/;
      my $goes_on = $line =~ s/\\\z//;
      if (defined $open) { $lines[$open][1] .= $line; push @lines, [$number, undef] }
      else { push @lines, [$number, $line] }
      $open = $goes_on ? $open // $#lines : undef
    }
    refuse('refused', $file, $number, 'ends in a backslash') if defined $open;
    @lines
  }

  # Returns the text to write, and adds the ports that it has Apache listen on.
  sub apache_accept {
    my ($file, $text, $ports) = @_;
    my $out = '';
    my @lines = apache_lines($file, $text);
    for my $each (@lines) {
      my ($number, $line) = @$each;
      $out .= ($line // '') . "\n";
      next if !defined $line || $line =~ /^[ \t]*(?:#|\z)/;
      my $no = sub { refuse('refused', $file, $number, $_[0] . "; as root, $OPERATORS allows more") };
      refuse('refused', $file, $number, 'the line ends in a backslash that joins nothing') if $line =~ /\\\z/;
      next if $line =~ m{^[ \t]*</[A-Za-z]+[ \t]*>[ \t]*\z};
      my ($name, $rest) = $line =~ /^[ \t]*(<?[A-Za-z][A-Za-z0-9_]*)(?=[ \t>]|\z)(.*)\z/s
        or refuse('refused', $file, $number, 'a line that begins with no directive');
      my $key = lc $name;
      $rest =~ s/^[ \t]+|[ \t]+\z//g;
      my $whole = join ' ', $key, split ' ', $rest;
      next if $EXCEPTION{$key} || $EXCEPTION{$whole};
      if ($key eq 'includeoptional' && $file eq $TOP && $INCLUDES{$rest}) { next }
      my $check = $MAY{$key} or $no->($key =~ /^</ ? "the section $name> is not among those that may stand there" : "the directive $name is not among those that may stand there");
      (my $variables = $rest) =~ s/\$\{APACHE_LOG_DIR\}//g;
      $no->("$name uses a variable of Apache's") if $variables =~ /\$\{[^}:]*\}/;
      my @words = apache_words($rest);
      my $wrong = $check->(@words);
      $no->("$name $wrong") if defined $wrong;
      $ports->{$1} = [$file, $number] if $key eq 'listen' && $rest =~ /([0-9]+)(?:[ \t]|\z)/
    }
    # The split above made one line too many of a text that ends as lines do.
    $out =~ s/\n\z// if $text =~ /\n\z/;
    $out
  }

  # --- From there to here -------------------------------------------------------------------------------------------

  sub apache_names {
    my ($handle) = @_;
    return () unless $handle;
    into($handle);
    opendir my $dir, '.' or failed('listing a directory');
    grep { /\.conf\z/ && !/^\./ } readdir $dir
  }

  sub apache_remove_tree {
    my ($tree) = @_;
    for my $part ('', map { "/$_" } @PARTS) {
      opendir my $dir, "$HOME/$tree$part" or next;
      for my $name (readdir $dir) { if ($name =~ m{^([^/]+\.conf)\z}s) { unlink "$HOME/$tree$part/$1" } }
      rmdir "$HOME/$tree$part" if $part
    }
    rmdir "$HOME/$tree";
    !-e "$HOME/$tree" or refuse('failed', "$HOME/$tree", '', 'cannot be removed')
  }

  # The name of the tree that Apache reads; empty where there is none.
  sub apache_live {
    my $to = readlink("$HOME/live") // '';
    for my $tree ('a', 'b') { return $tree if $to eq $tree }
    ''
  }

  # Aegir's directory, entered name by name from its root on.
  sub apache_config {
    my ($base, @below) = ($AEGIR{root}, split m{/}, substr($AEGIR{config}, length($AEGIR{root}) + 1));
    sysopen my $config, $base, O_RDONLY | O_DIRECTORY or failed($base);
    for my $name (@below) {
      into($config);
      $config = directory($name, $AEGIR{config}) // refuse('failed', $AEGIR{config}, '', 'is not there');
      ours((stat $config)[4]) or refuse('refused', $AEGIR{config}, '', "belongs to neither root nor $AEGIR{user}")
    }
    $config
  }

  # Makes the tree that is not live from what Aegir wrote, and returns its name; empty where there is nothing to serve.
  sub apache_take {
    my ($with_candidate, %without) = @_;
    my $live = apache_live();
    my $tree = $live eq 'a' ? 'b' : 'a';
    apache_remove_tree($tree);
    apache_exceptions();
    # What was accepted by another helper, or under other exceptions, is looked at again.
    my $under = join "\n", $AEGIR{build}, sort keys %EXCEPTION;
    my $as_before = $live ne '' && (roots("$HOME/accepted") // '') eq $under;
    passage("$HOME/$tree");
    my $config = apache_config();
    my $candidate;
    if ($with_candidate) { into($config); $candidate = directory('.candidate', '.candidate') }
    my ($count, $size, $written, %ports) = (0, 0, 0);
    for my $part ('', @PARTS) {
      my ($from, $over) = ($config, $candidate);
      if ($part ne '') {
        passage("$HOME/$tree/$part");
        if ($from) { into($from); $from = directory($part, $part) }
        if ($over) { into($over); $over = directory($part, ".candidate/$part") }
      }
      my %names = map { $_ => 1 } apache_names($from), apache_names($over);
      for my $name (sort keys %names) {
        next if $part eq '' && $name ne $TOP;
        my $file = $part eq '' ? $name : "$part/$name";
        next if $without{$file};
        refuse('refused', $file, '', 'has a name that Apache or a shell might take for something else')
          unless $name =~ /^([A-Za-z0-9_@+=,~\x80-\xff-][A-Za-z0-9._@+=,~\x80-\xff -]*)\z/;
        my $safe = $part eq '' ? $1 : "$part/$1";
        ++$count <= $FILE_COUNT or refuse('refused', $file, '', "is one of more than $FILE_COUNT files");
        my $text;
        if ($over) { into($over); $text = content($1, ".candidate/$file", $FILE_LIMIT) }
        if (!defined $text && $from) { into($from); $text = content($1, $file, $FILE_LIMIT) }
        next unless defined $text;
        ($size += length $text) <= $IN_ALL or refuse('refused', $file, '', "makes the configuration larger than $IN_ALL bytes");
        my ($old, $new) = ("$HOME/$live/$safe", "$HOME/$tree/$safe");
        my $was = $live eq '' ? undef : roots($old);
        my $accepted = $as_before && defined $was && $was eq $text && $text !~ /\\\r?\n|^\s*"?Listen/mi ? $text : apache_accept($file, $text, \%ports);
        # Two statements: what Perl knows to come from outside must have no part in the second one.
        if (defined $was && $was eq $accepted) {
          next if link $old, $new
        }
        sysopen my $out, $new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600 or failed($new);
        my $done = 0;
        while ($done < length $accepted) { $done += syswrite($out, $accepted, length($accepted) - $done, $done) // failed($new) }
        $out->sync or failed($new);
        close $out or failed($new);
        $written++
      }
    }
    chdir '/';
    return '' unless $count;
    apache_ports(\%ports);
    ($tree, $under)
  }

  # Apache ends when it cannot have a port, and its own test does not look.
  sub apache_ports {
    my ($ports) = @_;
    my $pid = apache_pid();
    for my $port (sort { $a <=> $b } keys %$ports) {
      my %socket = map { $_ => 1 } listening($port);
      next if !%socket || $pid && holds($pid, %socket);
      refuse('port', @{$ports->{$port}}, "port $port is taken by " . holder(keys %socket))
    }
  }

  sub apache_link {
    my ($name, $to) = @_;
    unlink "$HOME/.$name";
    symlink $to, "$HOME/.$name" or failed("$HOME/$name");
    rename "$HOME/.$name", "$HOME/$name" or failed("$HOME/$name");
    if (open my $dir, '<', $HOME) { $dir->sync }
  }

  # Apache's own words, with the paths that the operator knows.
  sub apache_said {
    my ($what, $said) = @_;
    $said =~ s{\Q$HOME\E/(?:candidate|live|a|b)/}{$AEGIR{config}/}g;
    $said =~ s/[^\n\t\x20-\x7e\x80-\xff]/?/g;
    print "$what\t\t\t\n", substr($said, 0, 20000), "\n";
    exit 3
  }

  sub apache_test {
    my ($tree) = @_;
    apache_link('candidate', $tree);
    my ($status, $said) = run($CONTROL, '-t', '-D', 'AegirCandidate');
    unlink "$HOME/candidate";
    return if $status == 0;
    apache_remove_tree($tree);
    apache_said('test', $said)
  }

  # --- Apache itself ------------------------------------------------------------------------------------------------

  sub apache_runs { my ($pid) = @_; open my $stat, '<', "/proc/$pid/stat" or return 0; (<$stat> // '') =~ /^\d+ \(apache2\) [^ZX]/ ? 1 : 0 }

  sub apache_pid { my $text = roots($PID_FILE) // ''; $text =~ /^(\d+)\s*\z/ && apache_runs($1) ? $1 : 0 }

  sub apache_children {
    my ($parent) = @_;
    if (open my $list, '<', "/proc/$parent/task/$parent/children") { return map { $_ => 1 } split ' ', <$list> // '' }
    opendir my $all, '/proc' or return ();
    map { $_ => 1 } grep { /^\d+\z/ && apache_parent($_) == $parent } readdir $all
  }

  sub apache_parent { my ($pid) = @_; open my $stat, '<', "/proc/$pid/stat" or return 0; (<$stat> // '') =~ /\) . (\d+) / ? $1 : 0 }

  # Starts Apache; undefined, or what it said.
  sub apache_start {
    my ($status, $said) = start($CONTROL, 'start');
    return undef if $status == 0;
    if ($said =~ /could not bind to address \S*?:(\d+)\s/ && (my @sockets = listening($1))) { $said .= "\nport $1 is taken by " . holder(@sockets) }
    $said
  }

  # What stands last in its log.
  sub apache_last_words {
    open my $log, '<', '/var/log/apache2/error.log' or return '';
    seek $log, -4096, 2;
    my @lines = <$log>;
    join '', @lines > 4 ? @lines[-4 .. -1] : @lines
  }

  # Has it read its configuration anew, and sees that it lived: then it has a process that was not there before. Returns
  # undefined, or what happened.
  sub apache_load {
    my $pid = apache_pid() or return apache_start();
    my %before = apache_children($pid);
    kill 'USR1', $pid or return "Apache (process $pid) takes no signals: $!";
    for (1 .. 3000) {
      return "Apache ended while it read the new configuration\n" . apache_last_words() unless apache_runs($pid);
      my %now = apache_children($pid);
      return undef if grep { !$before{$_} } keys %now;
      # Nobody is told when Apache has done so; it is asked again.
      select undef, undef, undef, 0.01
    }
    undef
  }

  sub apache_home { state_directory(); passage($HOME) }

  sub apache_file { $_[0] =~ m{^(apache\.conf|(?:pre|vhost|platform|post)\.d/[^/\x00-\x1f]+\.conf)\z} ? $1 : '' }

  verb 'apache same', sub {
    for (@_) { return 2 if apache_file($_) eq '' }
    apache_home();
    my ($live, $config) = (apache_live(), apache_config());
    for my $file (@_) {
      my ($part, $name) = $file =~ m{^(.+)/(.+)\z} ? ($1, $2) : ('', $file);
      into($config);
      my $dir = $part eq '' ? $config : directory($part, $part);
      my $text;
      if ($dir) { into($dir); $text = content($name, $file, $FILE_LIMIT) }
      my $copy = $live eq '' ? undef : roots("$HOME/$live/$file");
      return 1 if defined $text != defined $copy;
      next unless defined $text;
      my $wanted = join "\n", map { $_->[1] // '' } apache_lines($file, $text);
      s/\n*\z// for $wanted, $copy;
      return 1 if $wanted ne $copy
    }
    0
  };

  verb 'apache test', sub {
    for (@_) { return 2 if apache_file($_) eq '' }
    apache_home();
    my ($tree) = apache_take(1, map { $_ => 1 } @_);
    if ($tree ne '') { apache_test($tree) }
    apache_remove_tree(apache_live() eq 'a' ? 'b' : 'a');
    0
  };

  verb 'apache apply', sub {
    return 2 if @_;
    apache_home();
    my $before = apache_live();
    my ($tree, $under) = apache_take(0);
    if ($tree eq '') {
      apache_remove_tree($before eq 'a' ? 'b' : 'a');
      unlink "$HOME/live", "$HOME/accepted"
    } else {
      apache_test($tree);
      unlink "$HOME/accepted";
      apache_link('live', $tree)
    }
    if (defined(my $why = apache_load())) {
      if ($before eq '') { unlink "$HOME/live" } else { apache_link('live', $before) }
      apache_remove_tree($tree) if $tree ne '';
      my $again = apache_pid() ? undef : apache_start();
      apache_said('load', $why . (defined $again ? "\nand it does not start with the one before either:\n$again" : ''))
    }
    apache_remove_tree($before) if $before ne '';
    if ($tree eq '') { rmdir $HOME }
    else {
      sysopen my $out, "$HOME/accepted", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600 or failed("$HOME/accepted");
      syswrite $out, $under
    }
    0
  };

  # The names that a file gives its virtual hosts.
  sub apache_named {
    my ($file) = @_;
    open my $in, '<', $file or return {};
    my %named;
    while (<$in>) { if (/^[ \t]*Server(?:Name|Alias)[ \t]+(.*)$/i) { $named{lc(s{^https?://|:\d+\z}{}gr)} = 1 for apache_words($1) } }
    \%named
  }

  verb 'apache vhosts', sub {
    return 2 if @_;
    my ($status, $said) = run($CONTROL, '-S');
    apache_said('test', $said) if $status;
    my ($address, @hosts) = ('');
    for my $line (split /\n/, $said) {
      if ($line =~ /^(\S+:\S+)\s+is a NameVirtualHost/) { $address = $1 }
      elsif ($line =~ /^(\S+:\S+)\s+(\S+) \((.+):(\d+)\)\s*\z/) { push @hosts, [$1, $3, $4, $2] }
      elsif ($line =~ /^\s+port \S+ namevhost (\S+) \((.+):(\d+)\)\s*\z/) { push @hosts, [$address, $2, $3, $1] }
      elsif (@hosts && $line =~ /^\s+(?:wild )?alias (\S+)\s*\z/) { push @{$hosts[-1]}, $1 }
    }
    my %said_in;
    for my $host (grep { $_->[1] !~ m{^\Q$HOME\E/} } @hosts) {
      my ($at, $file, $number, @names) = @$host;
      # One that gives itself no name gets the machine's; nobody asked for that.
      my $own = $said_in{$file} //= apache_named($file);
      @names = grep { $own->{lc $_} } @names;
      print join("\t", map { shown($_) } $at, $_, $file, $number), "\n" for @names ? @names : '-'
    }
    0
  };
}

# The one program that sudo lets Aegir's account run as root. Owner root, mode 0755; `aegir init` and the bootstrap script
# write it. It trusts nobody: not its arguments, not its environment, not a name or a file below Aegir's directory.
#
#   helper version                says which helper this is
#   helper port NUMBER            says which program listens on a TCP port
#   … and the verbs that service types add below
#
# Status 0: done. 3: refused or failed, with the cause on standard output in fields between tabs: what, file, line, text.
# 2: no such verb, or arguments that it does not take.

# Whether only root could have written this program, by its place.
sub kept {
  for my $path ($0, $0 =~ m{^(.+)/[^/]+\z} ? $1 : '/') {
    my @is = lstat $path or return 0;
    return 0 if $is[4] != 0 || -l _ || $is[2] & 022
  }
  1
}

# Answered before the rest of this program is read: every look at a server asks it.
BEGIN {
  if (@ARGV == 1 && $ARGV[0] eq 'version') {
    print join("\t", 'aegir-helper', @AEGIR{'protocol', 'build', 'config'}, kept() ? "root's" : "not root's"), "\n";
    exit 0
  }
}

use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock :mode);
use IO::Handle ();

our %VERB;
%ENV = (PATH => '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL => 'C');
umask 077;
chdir '/' or exit 1;
open STDIN, '<', '/dev/null' or exit 1;
$| = 1;

# What came from outside, as one short line that a terminal may show.
sub shown { my ($text) = @_; $text =~ s/[^\x20-\x7e\x80-\xff]/?/g; length $text > 200 ? substr($text, 0, 200) . '…' : $text }

# The end of a run that did not do what it was asked.
sub refuse {
  my ($what, $file, $line, $text) = @_;
  print join("\t", $what, shown($file // ''), $line // '', shown($text)), "\n";
  exit 3
}
sub failed { my ($what) = @_; my $why = "$!"; refuse('failed', '', '', "$what: $why") }

sub verb { my ($words, $code) = @_; $VERB{$words} = $code }

# Opens a directory in the current one, never through a link. Undefined where nothing is.
sub directory {
  my ($name, $shown) = @_;
  if (sysopen my $handle, $name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK) { return $handle }
  return undef if $!{ENOENT};
  refuse('refused', $shown, '', 'no directory that can be entered; a symbolic link is not followed') if $!{ELOOP} || $!{ENOTDIR};
  failed($shown)
}

# Goes into a directory that is open already, whatever its name leads to by now.
sub into { my ($handle) = @_; chdir $handle or failed('entering a directory') }

# The accounts whose files may become configuration.
sub ours { my ($uid) = @_; $uid == 0 || $uid == $AEGIR{uid} }

# Reads a regular file of ours in the current directory: what is checked and what is used later are these bytes, whoever
# exchanges the file meanwhile. Undefined where nothing is.
sub content {
  my ($name, $shown, $limit) = @_;
  if (!sysopen my $handle, $name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY) {
    return undef if $!{ENOENT};
    refuse('refused', $shown, '', 'is a symbolic link, and what it leads to is not looked at; put the file itself there') if $!{ELOOP};
    refuse('refused', $shown, '', 'is no regular file') if $!{ENXIO};
    failed($shown)
  } else {
    my @is = stat $handle;
    refuse('refused', $shown, '', 'is no regular file') unless S_ISREG($is[2]);
    refuse('refused', $shown, '', "belongs to neither root nor $AEGIR{user}; `chown $AEGIR{user}` makes it theirs") unless ours($is[4]);
    refuse('refused', $shown, '', 'has a second name (a hard link); put a copy there') if $is[3] != 1;
    my ($text, $read) = ('', 0);
    while ($read = sysread $handle, $text, 65536, length $text) {
      refuse('refused', $shown, '', "is larger than $limit bytes") if length $text > $limit;
    }
    failed($shown) unless defined $read;
    return $text
  }
}

# Reads what root keeps; undefined where nothing is, refused where somebody else could have written it.
sub roots {
  my ($path) = @_;
  return undef unless lstat $path;
  my @is = lstat _;
  refuse('refused', $path, '', 'must be a regular file that belongs to root and that nobody else can write')
    unless S_ISREG($is[2]) && $is[4] == 0 && !($is[2] & 022);
  open my $handle, '<', $path or failed($path);
  local $/;
  my $text = <$handle>;
  defined $text ? $text : ''
}

# Runs a program that belongs to the system, and returns its status and what it said, at most a megabyte.
sub run {
  my @argv = @_;
  my $pid = open(my $said, '-|') // failed($argv[0]);
  if (!$pid) {
    open STDERR, '>&', \*STDOUT;
    exec { $argv[0] } @argv or exit 127;
  }
  my $text = '';
  while (sysread $said, my $part, 65536) { $text .= $part if length $text < 1 << 20 }
  close $said;
  ($? >> 8 || $? & 127, $text)
}

# Starts a program whose daemons outlive it: they would hold a pipe open, so what it says goes through a file.
sub start {
  my @argv = @_;
  my $log = "$AEGIR{state}/said";
  unlink $log;
  my $pid = fork // failed($argv[0]);
  if (!$pid) {
    sysopen STDOUT, $log, O_WRONLY | O_CREAT | O_EXCL, 0600 or exit 127;
    open STDERR, '>&', \*STDOUT;
    exec { $argv[0] } @argv or exit 127;
  }
  waitpid $pid, 0;
  my $status = $? >> 8 || $? & 127;
  my $text = roots($log) // '';
  unlink $log;
  ($status, $text)
}

# Where root keeps what it made: a directory that only root enters. One helper at a time works there.
# Makes a directory that others may only pass through: whoever knows a name in it can see whether it is there.
sub passage {
  my ($path) = @_;
  mkdir $path, 0700 or $!{EEXIST} or failed($path);
  sysopen my $dir, $path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW or failed($path);
  chmod 0711, $dir or failed($path)
}

sub state_directory {
  my $path = $AEGIR{state};
  passage($path);
  my @is = lstat $path;
  refuse('refused', $path, '', 'must be a directory that belongs to root and that nobody else can write')
    unless S_ISDIR($is[2]) && $is[4] == 0 && !($is[2] & 022);
  sysopen our $lock, "$path/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600 or failed("$path/lock");
  $SIG{ALRM} = sub { refuse('failed', '', '', 'another helper has been at work for two minutes') };
  alarm 120;
  flock $lock, LOCK_EX or failed("$path/lock");
  alarm 0;
  $path
}

# The sockets that listen on a TCP port, by the kernel's own tables.
sub listening {
  my ($port) = @_;
  my ($wanted, @found) = (sprintf ':%04X', $port);
  for my $table ('/proc/net/tcp', '/proc/net/tcp6') {
    open my $lines, '<', $table or next;
    while (<$lines>) {
      my @field = split;
      push @found, $field[9] if @field > 9 && $field[3] eq '0A' && substr($field[1], -5) eq $wanted;
    }
  }
  @found
}

# Whether a process holds one of these sockets.
sub holds {
  my ($pid, %socket) = @_;
  opendir my $dir, "/proc/$pid/fd" or return 0;
  for my $fd (readdir $dir) { return 1 if (readlink("/proc/$pid/fd/$fd") // '') =~ /^socket:\[(\d+)\]\z/ && $socket{$1} }
  0
}

sub program { my ($pid) = @_; open my $comm, '<', "/proc/$pid/comm" or return ''; my $name = <$comm> // ''; chomp $name; $name }

# Which program holds one of these sockets, in words.
sub holder {
  my %socket = map { $_ => 1 } @_;
  opendir my $all, '/proc' or return 'another program';
  for my $pid (sort { $a <=> $b } grep { /^\d+\z/ } readdir $all) { return program($pid) . " (process $pid)" if holds($pid, %socket) }
  'another program'
}

verb 'port', sub {
  my $port = shift // '';
  return 2 unless !@_ && $port =~ /^([1-9][0-9]{0,4})\z/ && $1 < 65536;
  my @sockets = listening($1);
  print holder(@sockets), "\n" if @sockets;
  0
};

sub main {
  $AEGIR{uid} = getpwnam($AEGIR{user}) // -1;
  for my $words (2, 1) {
    next if @ARGV < $words || grep { / / } @ARGV[0 .. $words - 1];
    my $code = $VERB{join ' ', @ARGV[0 .. $words - 1]} or next;
    my $status = $code->(@ARGV[$words .. $#ARGV]);
    print "usage\t\t\tthis verb does not take these arguments\n" if $status == 2;
    exit $status
  }
  print "unknown\t\t\tthis helper does not know that; an older or newer one may\n";
  exit 2
}

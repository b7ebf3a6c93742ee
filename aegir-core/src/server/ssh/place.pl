use strict;
use Fcntl;
my ($dir, $name, $op, @args) = @ARGV;
sub stop { my $w = shift; $w .= ": $!"; $w =~ s/[[:cntrl:]]/?/g; my $none = $!{ENOENT} || $!{ENOTDIR}; print STDERR "$w\n"; exit($none ? 5 : 3) }
sub odd { my $w = shift; $w =~ s/[[:cntrl:]]/?/g; print STDERR "$w\n"; exit 4 }
# Into a directory, name by name: what is a link, or was exchanged since it was looked at, is not entered.
sub enter {
  my ($name) = @_;
  my @l = lstat $name or stop($name);
  -d _ or odd("$name is no directory");
  chdir $name or stop($name);
  my @is = stat '.';
  @is && $is[0] == $l[0] && $is[1] == $l[1] or odd("$name was replaced");
}
chdir '/' or stop('/');
enter($_) for grep { $_ ne '' } split m{/}, $dir;
if ($op eq 'make') {
  my ($mode, $uid, $gid) = @args;
  my $made = mkdir $name, oct($mode) & 0700;
  $made or $!{EEXIST} or stop($name);
  enter($name);
  my @is = stat '.';
  ($uid == -1 || $uid == $is[4]) && ($gid == -1 || $gid == $is[5]) or chown($uid, $gid, '.') or stop($name);
  @is = stat '.';
  ($is[2] & 07777) == oct $mode or chmod(oct $mode, '.') or stop($name);
} elsif ($op eq 'remove') {
  exec 'sh', '-c', $args[0], 'sh', "./$name" or stop('sh');
} elsif ($op eq 'read') {
  my ($most) = @args;
  my $quiet = O_RDONLY | O_NONBLOCK | O_NOCTTY;
  # Into what was opened nobody can put another file any more. A link leads only to what belongs to whoever made it,
  # and never to what is ours: whoever exchanges links cannot say which of ours is read.
  if (!sysopen F, $name, $quiet | O_NOFOLLOW) {
    $!{ELOOP} or stop($name);
    my @l = lstat $name or stop($name);
    my @end = stat $name or stop($name);
    -f _ && $end[4] == $l[4] && $end[4] != $> or odd("$name is a symbolic link to what does not belong to whoever could have made it");
    sysopen F, $name, $quiet or stop($name);
    my @is = stat F;
    $is[4] == $l[4] && $is[4] != $> or odd("$name was replaced");
  }
  -f F or odd("$name is no file");
  -s F <= $most or odd("$name is larger than $most bytes");
  my ($rest, $read) = ($most + 1, 1);
  while ($rest > 0 && $read) {
    $read = sysread F, my $piece, $rest < 65536 ? $rest : 65536;
    defined $read or stop($name);
    $rest -= $read;
    print $piece;
  }
  close STDOUT or stop($name);
} else { odd("there is no change called $op") }

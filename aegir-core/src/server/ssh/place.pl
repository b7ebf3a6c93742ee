use strict;
my ($dir, $name, $op, @args) = @ARGV;
sub stop { my $w = shift; $w .= ": $!"; $w =~ s/[[:cntrl:]]/?/g; print STDERR "$w\n"; exit 3 }
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
} else { odd("there is no change called $op") }

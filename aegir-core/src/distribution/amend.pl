use strict;
my ($base, $tree, $part, $prev, $late) = @ARGV;
$/ = "\0";
my ($at, $done) = (undef, 0);
sub stop { my $e = "$!"; my $w = join ' ', @_; $w =~ s/[[:cntrl:]]/?/g; print STDERR "$w: $e\n"; exit 3 }
sub odd { my $w = join ' ', @_; $w =~ s/[[:cntrl:]]/?/g; print STDERR "$w\n"; exit 4 }
chdir $base or stop($base);
my @base = stat '.';
# Into a directory of the tree, name by name; what became a link since it was looked at is not entered.
sub enter {
  my ($dir) = @_;
  return 1 if defined $at && $at eq $dir;
  undef $at;
  chdir $base or stop($base);
  my @is = stat '.';
  $is[0] == $base[0] && $is[1] == $base[1] or odd("$base was replaced");
  for my $name ($tree, split m{/}, $dir) {
    my @l = lstat $name;
    if (!@l) { return 0 if $late && $!{ENOENT}; stop("$tree/$dir") }
    -d _ or odd("$tree/$dir: $name is no directory any more");
    chdir $name or stop("$tree/$dir");
    @is = stat '.';
    $is[0] == $l[0] && $is[1] == $l[1] or odd("$tree/$dir: $name was replaced");
  }
  $at = $dir;
  1
}
sub away { my ($from, $to, $what) = @_; rename $from, $to or ($late && $!{ENOENT}) or stop($what) }
while (defined(my $op = <STDIN>)) {
  defined(my $path = <STDIN>) && defined(my $arg = <STDIN>) or odd('the list of changes is cut short');
  chomp($op, $path, $arg);
  last if $op eq 'end' and $done = 1;
  my ($dir, $name) = $path =~ m{^(.*)/([^/]+)\z}s ? ($1, $2) : ('', $path);
  if ($path eq '') {
    undef $at; chdir $base or stop($base); $name = $tree;
    my @l = lstat $name; @l && -d _ or odd("$tree is no directory any more");
  } elsif (!enter($dir)) { next }
  my ($new, $old, $out) = ("$base/$part/$arg", "$base/$prev/$arg", "$base/$prev/u$arg");
  my $what = "$tree/$path";
  if ($op eq 'save') { link $name, $old or away($name, $old, $what) }
  elsif ($op eq 'discard') { away($name, $old, $what) }
  elsif ($op eq 'install') { rename $new, $name or stop($what) }
  elsif ($op eq 'clear') { away($name, $out, $what) }
  elsif ($op eq 'return') {
    if (lstat $old) {
      my $dirs = -d _;
      if (lstat $name) { away($name, $out, $what) if $dirs || -d _ }
      rename $old, $name or stop($what);
    }
  } else {
    my @l = lstat $name;
    if (!@l || -l _) { next if $late; stop($what) unless @l; next }
    if ($op eq 'unlock') { chmod $l[2] & 07777 | 0700, $name or stop($what) if -d _ && ($l[2] & 0700) != 0700 }
    elsif ($op eq 'mode') { chmod oct $arg, $name or stop($what) if ($l[2] & 07777) != oct $arg }
    elsif ($op eq 'time') { utime $arg, $arg, $name or stop($what) }
    else { odd("there is no change called $op") }
  }
}
$done or odd('the list of changes is cut short');

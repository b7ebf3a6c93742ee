#!/usr/bin/perl
# Speaks SFTP and lies: names are paths, links and what steers a terminal; every file holds code of every kind.
use strict;
binmode STDIN;
binmode STDOUT;
open my $tried, '>>', '/run/lock/tried';
print $tried "sftp\n";
close $tried;
sub get { my $n = shift; my $b = ''; while (length $b < $n) { my $r = sysread STDIN, $b, $n - length $b, length $b; exit unless $r } $b }
sub put { my $b = pack('N/a*', shift); while (length $b) { my $w = syswrite STDOUT, $b; exit unless $w; substr $b, 0, $w, '' } }
sub str { pack 'N/a*', shift }
my @names = ("../../../keys/stolen.conf", "/var/aegir/keys/stolen.conf", "a/b.conf", "\e]52;c;eA==\a.conf", "\$(touch /tmp/owned).conf", "{{x}}.conf", "..", "");
@names = map { "$_.conf" } 1 .. 2000 if -e '/run/lock/many';
my $code = "\$(touch /tmp/owned)\n`touch /tmp/owned`\n{{raw}}\n<?php touch('/tmp/owned');\n'; DROP DATABASE twoexamplecom; --\n\\! touch /tmp/owned\n";
my (%read, %list);
while (1) {
  my ($n) = unpack 'N', get(4);
  my $p = get($n);
  my $k = ord $p;
  if ($k == 1) { put(pack('CN', 2, 3) . join '', map { str("$_\@openssh.com") . str('1') } qw(posix-rename lsetstat fsync)); next }
  my ($id, $rest) = (substr($p, 1, 4), substr $p, 5);
  my ($name) = unpack 'N/a*', $rest;
  my $file = $name =~ /\.(conf|php|txt|json|info|inc|html|htaccess)\z/;
  my $attrs = $file ? pack('NNNNNN', 1 | 2 | 4, 0, length $code, 0, 0, 0100644) : pack('NNNN', 2 | 4, 0, 0, 040755);
  if ($k == 7 || $k == 17) { put(chr(105) . $id . $attrs) }
  elsif ($k == 3 || $k == 11) { $read{$name} = $list{$name} = 0; put(chr(102) . $id . str($name)) }
  elsif ($k == 12 && !$list{$name}++) { put(chr(104) . $id . pack('N', scalar @names) . join '', map { str($_) . str('') . $attrs } @names) }
  elsif ($k == 5 && !$read{$name}++) { put(chr(103) . $id . str($code)) }
  elsif ($k == 5 || $k == 12) { put(chr(101) . $id . pack('N', 1) . str('') . str('')) }
  elsif ($k == 16 || $k == 19) { put(chr(104) . $id . pack('N', 1) . str('/var/aegir/keys') . str('') . $attrs) }
  else { put(chr(101) . $id . pack('N', 0) . str('') . str('')) }
}

# How many rows of each table are in a dump: the number, a tab, the table's name. Line breaks in values are written "\n", so
# a value ends in the line in which it begins; of rows, one client writes one in a line, the other one all.
use strict;
use warnings;
my ($file) = @ARGV;
open my $dump, '<:raw', $file or die "$file: $!\n";
my (%rows, $table, $body);
while (my $line = <$dump>) {
    # What stands between these is the text of triggers, routines and events.
    if ($line =~ /^DELIMITER (\S+)/) { $body = $1 ne ';'; next }
    next if $body;
    if ($line =~ /\AINSERT INTO `((?:[^`]|``)+)` (?:\((?:[^`)]|`(?:[^`]|``)+`)*\) )?VALUES\s*/gc) {
        ($table = $1) =~ s/``/`/g;
    } elsif (!defined $table or $line !~ /\A(?=\()/gc) {
        undef $table;
        next;
    }
    my $depth = 0;
    while (pos($line) < length $line) {
        if ($line =~ /\G[^'();]+/gc) { next }
        if ($line =~ /\G\(/gc) { $rows{$table}++ if !$depth++; next }
        if ($line =~ /\G\)/gc) { $depth--; next }
        if ($line =~ /\G;/gc) { undef $table if !$depth; last if !defined $table; next }
        $line =~ /\G'/gc;
        # Of a group a regular expression repeats no more than some 32000.
        1 while $line =~ /\G(?:[^'\\]++|\\.|''){1,30000}+/gcs;
        $line =~ /\G'/gc or die "$file: a value has no end\n";
    }
}
print "$rows{$_}\t$_\n" for sort keys %rows;

#!/usr/bin/perl
# Sends datagrams of many sizes and tells what became of each: setsockopt(2) of IP_MTU_DISCOVER is not to be had from Node.
# sizes.pl udp|icmp ADDRESS dont|want|do SIZE…   want: the kernel's own choice; do: never in pieces (DF); dont: never DF
# SIZE is a number or a range (1-3000) of bytes of payload, for UDP to port 7, an echo. Prints one line for each outcome:
# `echoed`, `refused` (the sender was told that it is too large) or `lost`, and the sizes, as ranges.
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_UDP IPPROTO_ICMP MSG_DONTWAIT);
use Errno qw(EMSGSIZE EAGAIN EHOSTUNREACH ECONNREFUSED);
use List::Util qw(sum0);
use Time::HiRes qw(time);

my ($protocol, $address, $discover, @wanted) = @ARGV;
my @sizes = map { /^(\d+)-(\d+)$/ ? $1 .. $2 : $_ } @wanted;
my $icmp = $protocol eq 'icmp';
socket(my $socket, PF_INET, $icmp ? SOCK_RAW : SOCK_DGRAM, $icmp ? IPPROTO_ICMP : IPPROTO_UDP) or die "socket: $!\n";
# IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, _WANT, _DO of Linux's in.h.
setsockopt($socket, 0, 10, pack('i', { dont => 0, want => 1, do => 2 }->{$discover} // die "dont, want or do\n")) or die "$!\n";
setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 8_000_000);
connect($socket, sockaddr_in($icmp ? 0 : 7, inet_aton($address))) or die "connect: $!\n";

# RFC 1071.
sub checksum {
    my ($data) = @_;
    my $sum = unpack('%32n*', length($data) % 2 ? $data . "\0" : $data);
    $sum = ($sum & 0xffff) + ($sum >> 16) for 1 .. 2;
    return ~$sum & 0xffff;
}

sub echo_request {
    my ($size) = @_;
    my $body = pack('nn', $$ & 0xffff, $size) . 'x' x $size;
    return pack('CCn', 8, 0, checksum(pack('CCn', 8, 0, 0) . $body)) . $body;
}

my (%outcome, %under_way, $latest);

# An ICMP error is about what was sent last: large ones, which alone have errors, are sent slowly.
sub told {
    die "$!\n" unless $!{EMSGSIZE} || $!{EHOSTUNREACH} || $!{ECONNREFUSED};
    $outcome{$latest} //= 'refused';
}

# Takes in what has come within $seconds, or at once when something has.
sub receive {
    my ($seconds) = @_;
    my $ready = '';
    vec($ready, fileno $socket, 1) = 1;
    select($ready, undef, undef, $seconds) or return;
    while (1) {
        my $from = recv($socket, my $data, 70_000, MSG_DONTWAIT);
        if (!defined $from) { last if $!{EAGAIN}; told(); next }
        # The echo puts the caller's address and a blank before; a raw socket has the IP header.
        if (!$icmp) { $data =~ s/^[0-9.]+ //; delete $under_way{ length $data }; $outcome{ length $data } = 'echoed'; next }
        my ($type, undef, undef, $id, $size) = unpack 'CCnnn', substr $data, (ord($data) & 15) * 4;
        $outcome{$size} = 'echoed' if $type == 0 && $id == ($$ & 0xffff);
    }
}

# No more at once than the slowest hop's queues hold: as much as this is under way, and what isn't back in time is lost.
sub make_room {
    while (sum0(keys %under_way) > 40_000) {
        receive(0.05);
        delete @under_way{ grep { $under_way{$_} < time - 0.3 } keys %under_way };
    }
}

# What was lost to a queue or a meter is asked for again, the last time when the switch has forgotten the pieces of it.
for my $rest (0.5, 0.5, 16, 0.5) {
    for my $size (grep { !$outcome{$_} } @sizes) {
        make_room();
        # An error that came meanwhile is told by this call, which then has sent nothing.
        for my $again (0, 1) {
            last if defined send($socket, $icmp ? echo_request($size) : 'x' x $size, 0);
            $latest = $size if $again || $!{EMSGSIZE};
            told();
        }
        $latest = $size;
        $under_way{$size} = time if !$icmp && !$outcome{$size};
        # A bucket of 50 a second holds pings back; what is refused is refused slowly, to be told from the next.
        receive($icmp ? 0.022 : $size > 30_000 ? 0.02 : 0);
    }
    my $deadline = time + $rest;
    receive($deadline - time) while time < $deadline && grep { !$outcome{$_} } @sizes;
}
my %ranges;
for my $size (@sizes) {
    my $list = $ranges{ $outcome{$size} // 'lost' } //= [];
    if (@$list && $list->[-1][1] == $size - 1) { $list->[-1][1] = $size }
    else { push @$list, [ $size, $size ] }
}
print "$_ ", join(',', map { $_->[0] == $_->[1] ? $_->[0] : "$_->[0]-$_->[1]" } @{ $ranges{$_} }), "\n" for sort keys %ranges;

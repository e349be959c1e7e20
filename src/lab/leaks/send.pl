# Sends raw Ethernet frames by a device of the network namespace that it runs in, as root of a container can (packet(7)).
# perl send.pl DEVICE < FRAMES: a frame in hexadecimal a line. A frame that the device refuses is left out.
use strict;
use warnings;

my ($AF_PACKET, $SOCK_RAW, $SIOCGIFINDEX) = (17, 3, 0x8933);
socket(my $socket, $AF_PACKET, $SOCK_RAW, 0) or die "send: $!\n";
my $request = pack('a16 x24', $ARGV[0]);
ioctl($socket, $SIOCGIFINDEX, $request) or die "send: $ARGV[0]: $!\n";
# sockaddr_ll: family, protocol, interface, hardware type, packet type, length and bytes of the address.
my $to = pack('S n i S C C a8', $AF_PACKET, 0, unpack('x16 i', $request), 0, 0, 6, '');
my $sent = 0;
while (my $line = <STDIN>) {
    chomp $line;
    $sent += defined send($socket, pack('H*', $line), 0, $to);
    # No queue on the way is to overflow.
    select(undef, undef, undef, 0.002);
}
$sent > 0 or die "send: nothing could be sent\n";

# Makes all mounts of a new mount namespace private and our root its root, also where that was a chroot(2), in which the
# kernel allows no user namespaces (user_namespaces(7)); then runs a program. Nothing is mounted outside the namespace.
# unshare --mount --propagation unchanged … perl private-root.pl PROGRAM [ARGUMENT…]
use strict;
use warnings;
use POSIX ();

my %numbers = (x86_64 => [165, 155, 166], aarch64 => [40, 41, 39]);
my $machine = (POSIX::uname())[4];
my ($mount, $pivot_root, $umount) = @{ $numbers{$machine} or die "private-root: not on $machine\n" };
my ($REC, $PRIVATE, $BIND, $DETACH) = (0x4000, 0x40000, 0x1000, 2);

sub check { my ($what, $result) = @_; $result != -1 or die "private-root: $what: $!\n" }
sub same { my ($a, $b) = @_; "$a->[0]:$a->[1]" eq "$b->[0]:$b->[1]" }

open(my $root, '<', '/') or die "private-root: /: $!\n";
# Standing outside of a root that is further in, `..` goes on up to the namespace's own.
chdir '/' or die "private-root: /: $!\n";
chroot '/usr' or die "private-root: chroot: $!\n";
chdir '..' for 1 .. 128;
chroot '.' or die "private-root: chroot: $!\n";

my ($none, $top, $here) = ('none', '/', '.');
check('making mounts private', syscall($mount, $none, $top, 0, $REC | $PRIVATE, 0));
if (!same([stat '/'], [stat $root])) {
    my $path = readlink("/proc/self/fd/" . fileno $root) or die "private-root: where is our root? $!\n";
    check("binding $path", syscall($mount, $path, $path, 0, $BIND | $REC, 0));
    chdir $path or die "private-root: $path: $!\n";
    check('pivot_root', syscall($pivot_root, $here, $here));
    check('leaving the old root', syscall($umount, $here, $DETACH));
}
chdir '/' or die "private-root: /: $!\n";
exec { $ARGV[0] } @ARGV or die "private-root: $ARGV[0]: $!\n";

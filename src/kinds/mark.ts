// The mark that the host's filter puts on what it may let through, and the routing rules let through (nft(8) meta mark).

/**
 * One bit beside other people's: kube-proxy has 0x4000 and 0x8000, Tailscale 0xff0000, wg-quick 0xca6c, Mullvad 0x6d6f6c65,
 * Proxmox 0x80000000. Calico, unless told otherwise, takes the upper half, and this bit with it. Written as nft prints it.
 */
export const passMark = '0x10000000';

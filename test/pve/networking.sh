#!/bin/sh
# Inside a container of Proxmox's double: brings up what /etc/network/interfaces has (interfaces(5)), in place of ifupdown.
device= family= address=
[ -r /etc/network/interfaces ] || exit 0
while read -r word first second third; do
  case $word in
    iface)
      device=$first family=$second
      [ "$third" != dhcp ] || echo "$device: no dhcp here" >&2
      ip link set dev "$device" up
      ;;
    address) case $family in inet6) ip -6 address replace "$first" dev "$device" nodad ;; *) ip address replace "$first" dev "$device" ;; esac ;;
    gateway) case $family in inet6) ip -6 route replace default via "$first" dev "$device" ;; *) ip route replace default via "$first" dev "$device" ;; esac ;;
  esac
done </etc/network/interfaces
exit 0

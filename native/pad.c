// Lengthens each packet that leaves a WireGuard device to one size, before it is encrypted: a tc program (tc-bpf(8),
// bpf-helpers(7) bpf_skb_change_tail). The peer cuts a packet off again where its IP header says that it ends.
//
// The size in bytes, IP header included, is the minor number of the filter's flowid, in hexadecimal: `flowid 1:500` is
// 1280. Filters are asked by preference: what is longer than one's size goes on to the next. A size of 0 drops all that
// comes so far, and must be the last.

typedef unsigned int u32;
typedef unsigned long long u64;

// The kernel's, as far as it is needed (linux/bpf.h; its layout never changes).
struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid;
	u32 data, data_end, napi_id, family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port;
	u32 data_meta;
	u64 flow_keys, tstamp;
	u32 wire_len, gso_segs;
};

static long (*change_tail)(struct __sk_buff *skb, u32 len, u64 flags) = (void *)38;

enum { PASS = 0, DROP = 2, NEXT = -1 };

__attribute__((section("tc"), used)) int lengthen(struct __sk_buff *skb)
{
	u32 size = skb->tc_classid;

	// An aggregate is cut into its packets further on, and its last one would stay as short as it is.
	if (size == 0 || skb->gso_segs > 1)
		return DROP;
	if (skb->len > size)
		return NEXT;
	// What is new is zero, which changes no checksum that is still to be worked out.
	if (skb->len < size && change_tail(skb, size, 0))
		return DROP;
	return PASS;
}

char terms[] __attribute__((section("license"), used)) = "MIT";

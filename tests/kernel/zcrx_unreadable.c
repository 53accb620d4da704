// SPDX-License-Identifier: GPL-2.0
/*
 * An skb whose payload no CPU can read, handed to functions of the network stack that
 * would read it: each has to refuse. Loading the module asks one of them, and fails
 * with -EIO if it did not.
 *
 *	modprobe zcrx_unreadable what=to_sgvec
 *
 * Most of those who call them are not in the kernels of the VM.
 */

#include <linux/ip.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/scatterlist.h>
#include <linux/skbuff.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <net/gso.h>
#include <net/net_namespace.h>
#include <net/netmem.h>
#include <net/strparser.h>
#include <net/tcp.h>

#define PAYLOAD		2000
#define MSS		1000
#define HEADERS		(sizeof(struct iphdr) + sizeof(struct tcphdr))

static char *what;
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "the function to be asked");

static struct net_iov niov;

/* A segment of TCP: headers, and payload in a net_iov that no page_pool has. */
static struct sk_buff *unreadable_new(void)
{
	struct sk_buff *skb = alloc_skb(MAX_TCP_HEADER + HEADERS, GFP_KERNEL);
	struct tcphdr *th;
	struct iphdr *iph;

	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_TCP_HEADER);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->protocol = IPPROTO_TCP;
	iph->tot_len = htons(HEADERS + PAYLOAD);
	skb_set_transport_header(skb, sizeof(*iph));
	th = skb_put_zero(skb, sizeof(*th));
	th->doff = sizeof(*th) / 4;
	skb->protocol = htons(ETH_P_IP);
	skb_shinfo(skb)->gso_size = MSS;
	skb_shinfo(skb)->gso_segs = PAYLOAD / MSS;
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	skb_add_rx_frag_netmem(skb, 0, net_iov_to_netmem(&niov), 0, PAYLOAD,
			       PAGE_SIZE);
	return skb;
}

/* The net_iov is nobody's, and nobody is to put it. */
static void unreadable_free(struct sk_buff *skb)
{
	if (skb)
		skb_shinfo(skb)->nr_frags = 0;
	kfree_skb(skb);
}

static bool refused_to_sgvec(struct sk_buff *skb)
{
	struct scatterlist sg[4];

	sg_init_table(sg, ARRAY_SIZE(sg));
	return skb_to_sgvec(skb, sg, 0, skb->len) == -EFAULT;
}

static bool refused_gso(struct sk_buff *skb)
{
	struct sk_buff *segs = skb_gso_segment(skb, 0);

	if (IS_ERR(segs))
		return true;
	kfree_skb_list(segs);
	return false;
}

static bool refused_zerocopy(struct sk_buff *skb)
{
	struct sk_buff *to = alloc_skb(HEADERS, GFP_KERNEL);
	bool refused = to && skb_zerocopy(to, skb, skb->len, HEADERS) == -EFAULT;

	unreadable_free(to);
	return refused;
}

/* What could be sent is, and nothing of the rest. */
static bool refused_send_sock(struct sk_buff *skb)
{
	struct socket *sock;
	int ret;

	if (sock_create_kern(&init_net, AF_INET, SOCK_DGRAM, 0, &sock))
		return false;
	lock_sock(sock->sk);
	ret = skb_send_sock_locked(sock->sk, skb, HEADERS, PAYLOAD);
	release_sock(sock->sk);
	sock_release(sock);
	return ret == -EFAULT;
}

/* Behind a head that can be read. */
static bool refused_pull(struct sk_buff *skb)
{
	struct sk_buff *head = alloc_skb(HEADERS + PAYLOAD, GFP_KERNEL);
	bool refused;

	if (!head)
		return false;
	skb_put_zero(head, HEADERS);
	skb_shinfo(head)->frag_list = skb;
	skb->next = NULL;
	skb_len_add(head, skb->len);
	refused = pskb_may_pull(head, HEADERS + 1) &&
		  !pskb_may_pull(head, head->len);
	skb_shinfo(head)->frag_list = NULL;
	kfree_skb(head);
	return refused;
}

/* Nor does it warn, which would fail the run. */
static bool refused_checksum(struct sk_buff *skb)
{
	return __skb_checksum_complete(skb) &&
	       __skb_checksum_complete_head(skb, skb->len);
}

/* Headers are summed up, and what cannot be copied is zeros. */
static bool zeros_csum(struct sk_buff *skb)
{
	static u8 to[HEADERS + PAYLOAD];
	__wsum sum;

	memset(to, 0xff, sizeof(to));
	sum = skb_copy_and_csum_bits(skb, 0, to, sizeof(to));
	return csum_fold(sum) == csum_fold(csum_partial(to, sizeof(to), 0)) &&
	       !memcmp(to, skb->data, HEADERS) &&
	       mem_is_zero(to + HEADERS, PAYLOAD);
}

static void strp_no_lock(struct strparser *strp)
{
}

static void strp_no_msg(struct strparser *strp, struct sk_buff *skb)
{
}

/* Wants more, for ever. */
static int strp_more(struct strparser *strp, struct sk_buff *skb)
{
	return 0;
}

static int strp_error;

static void strp_aborted(struct strparser *strp, int err)
{
	strp_error = err;
}

static bool refused_strparser(struct sk_buff *skb)
{
	static const struct strp_callbacks cb = {
		.parse_msg	= strp_more,
		.rcv_msg	= strp_no_msg,
		.abort_parser	= strp_aborted,
		.lock		= strp_no_lock,
		.unlock		= strp_no_lock,
	};
	static struct strparser strp;

	return !strp_init(&strp, NULL, &cb) &&
	       !strp_process(&strp, skb, 0, skb->len, SZ_1M, LONG_MAX) &&
	       strp_error == -EFAULT;
}

static const struct {
	const char *name;
	bool (*refused)(struct sk_buff *skb);
} functions[] = {
	{ "to_sgvec", refused_to_sgvec },
	{ "gso", refused_gso },
	{ "zerocopy", refused_zerocopy },
	{ "send_sock", refused_send_sock },
	{ "pull", refused_pull },
	{ "checksum", refused_checksum },
	{ "copy_and_csum", zeros_csum },
	{ "strparser", refused_strparser },
};

static int __init unreadable_init(void)
{
	struct sk_buff *skb;
	int ret = -EINVAL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		if (!what || strcmp(what, functions[i].name))
			continue;
		skb = unreadable_new();
		if (!skb)
			return -ENOMEM;
		ret = !skb_frags_readable(skb) && functions[i].refused(skb) ?
		      0 : -EIO;
		unreadable_free(skb);
	}
	return ret;
}
module_init(unreadable_init);

static void __exit unreadable_exit(void)
{
}
module_exit(unreadable_exit);

MODULE_DESCRIPTION("asks functions of the network stack for unreadable payload");
MODULE_LICENSE("GPL");

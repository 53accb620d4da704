// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "json.h"
#include "nic.h"
#include "sizing.h"
#include "zcrxctl.h"

static void print_json(const struct options *opt, const struct nic *nic,
		       const struct sizing *s)
{
	json_object(NULL);
	json_str("interface", nic->name);
	json_uint("queues", opt->nr_queues);
	json_double("rate_bits", opt->rate);
	json_double("latency_us", opt->latency * 1e6);
	json_uint("mtu", nic->mtu);
	json_uint("rx_buf_len", s->buf_len);
	json_uint("buffers_in_queues", s->in_queues);
	json_uint("buffers_held", s->held);
	json_uint("buffers_in_sockets", s->in_sockets);
	json_uint("least_area_bytes", s->least * s->buf_len);
	json_uint("area_bytes", s->buffers * s->buf_len);
	json_uint("rq_entries", s->rq_entries);
	json_uint("cq_entries", s->cq_entries);
	json_end();
}

static void print_text(const struct options *opt, const struct nic *nic,
		       const struct sizing *s)
{
	char size[HUMAN_SIZE], least[HUMAN_SIZE];

	printf("%s: %u queue%s of %u descriptors, MTU %u, buffers of %u bytes\n",
	       nic->name, opt->nr_queues, opt->nr_queues == 1 ? "" : "s",
	       s->descriptors, nic->mtu, s->buf_len);
	printf("%g Mbit/s, each buffer kept for %g ms, %u connection%s\n\n",
	       opt->rate / 1e6, opt->latency * 1e3, opt->connections,
	       opt->connections == 1 ? "" : "s");
	printf("%10llu buffers  in the NIC's queues: 2 x %u descriptors + 192 for each,\n"
	       "                    for its ring, and what its page_pool may keep\n",
	       s->in_queues, s->descriptors);
	printf("%10llu          held by the program: frames of %u bytes payload, %u "
			    "buffer%s\n"
	       "                    each, that come in while it keeps them\n",
	       s->held, s->payload, s->bufs_per_frame,
	       s->bufs_per_frame == 1 ? "" : "s");
	printf("%10llu          waiting in sockets: %s of net.ipv4.tcp_rmem for each\n"
	       "                    connection; less with SO_RCVBUF\n",
	       s->in_sockets, human(size, sizeof(size), s->rcvbuf));
	printf("%10llu buffers in all\n\n", s->buffers);
	printf("area              %llu bytes (%s)\n",
	       s->buffers * s->buf_len,
	       human(size, sizeof(size), (double)s->buffers * s->buf_len));
	printf("                  %llu (%s) will do: segments are dropped, and sent again,\n"
	       "                  when the program is late\n",
	       s->least * s->buf_len,
	       human(least, sizeof(least), (double)s->least * s->buf_len));
	printf("refill ring       %u entries: one for each completion held, at most 32768\n",
	       s->rq_entries);
	printf("completion queue  %u entries, else requests end with ENOSPC at times\n",
	       s->cq_entries);
}

int cmd_size(const struct options *opt)
{
	struct sizing s;
	struct nic nic;
	int ret;

	if (opt->rate <= 0 || opt->latency <= 0) {
		complain("size wants --rate, as 10G, and --latency: for how long the program "
			 "keeps a buffer, as 5ms");
		return EXIT_USAGE;
	}
	ret = open_nic(&nic, opt->ifname);
	if (ret)
		return ret;
	sizing_compute(&s, &nic, opt);
	if (opt->json)
		print_json(opt, &nic, &s);
	else
		print_text(opt, &nic, &s);
	return 0;
}

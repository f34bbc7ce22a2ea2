#pragma once
/* Who is who: the immutable facts every actor is given at spawn. Filled by actors/topology.c before the engine starts,
 * read-only afterwards (any thread). */
#include "actors/packet.h"
#include "conf/config.h"
#include "runtime/actor/actor.h"

#define SERVER_NAME "Switchboard"
#define SERVER_CAPS_NODE "urn:switchboard" /* says, with the hash behind it, which software it is (XEP-0115) */
#define SERVER_VERSION "0.1.0"
#define SERVER_WORKERS_MAX 256

/* What an account is to the live-chat desk; decided by the configured globs and, for anonymous sessions, by how it
 * logged in. */
enum client_class { CLASS_USER, CLASS_VISITOR, CLASS_SEAT, CLASS_ROBOT };

struct owners;
struct tls_store;
struct extensions;

/* A component by others (actors/extension/): reached at name@domain and at all of name.domain, for each domain it serves. */
struct server_component {
	const char *name, *title;
	actor_id id;
};

struct server {
	const struct config *conf;
	unsigned workers, shards, desks, auths;
	actor_id edge[SERVER_WORKERS_MAX];  /* one connection manager for each worker, pinned there */
	actor_id shard[SERVER_WORKERS_MAX]; /* session shards; shard k lives on worker k % workers */
	actor_id desk[SERVER_WORKERS_MAX];  /* conversations, by hash of the visitor's bare JID */
	actor_id pool;                      /* seats and robots: availability, capacity, choice */
	actor_id store;                     /* the writer */
	actor_id auth[SERVER_WORKERS_MAX];  /* account look-ups and slow hashing, threads of their own */
	actor_id admin;                     /* runs ad-hoc commands; ACTOR_NONE without the plugin */
	actor_id cookie;                    /* seat cookies in Redis; ACTOR_NONE when not configured */
	struct owners *privacy_owners; /* accounts that had privacy lists at the start; NULL = none */
	struct tls_store *tls;              /* NULL when nothing listens with TLS */
	const struct extensions *extensions; /* plugins by others; NULL = none */
	struct server_component *components; /* by others; owned */
	unsigned component_count;
	char caps[32];                      /* hash of what the server can do (XEP-0115); empty = it does not say */
	bool desk_on;                       /* seats or robots are configured */
	uint8_t secret[32];                 /* per installation: fake salts, visitor cookies; from the store */
	uint64_t started_wall_us;
};

/* --- routing: a function over these facts, no mailbox hop --- */
unsigned server_shard_index(const struct server *s, const struct jid *j); /* bare_hash % shards */
actor_id server_shard(const struct server *s, const struct jid *j);
unsigned server_shard_worker(const struct server *s, unsigned shard_index);
actor_id server_desk(const struct server *s, const struct jid *visitor);
bool server_is_local(const struct server *s, struct span domain);
/* Class by JID alone: visitors also by the reserved form of anonymous local parts. */
enum client_class server_class(const struct server *s, const struct jid *j);
/* The desk's own address in this tenant (virtual host): desk@domain. */
bool server_is_desk(const struct server *s, const struct jid *j);

/* Names no account may have: the desk's, also with no desk yet, since the account would be cut off the day there is one, and those
 * that commands are sent to. */
#define SERVER_SESS_MAN "sess-man"
#define SERVER_VHOST_MAN "vhost-man"
bool server_is_reserved(const struct server *s, struct span local);

/* Local part of an anonymous visitor: "v-" and 20 characters a-z2-7, so that it is recognised everywhere. */
#define VISITOR_LOCAL_PREFIX "v-"
bool server_is_anonymous_local(struct span local);

/* Whether it serves this domain: one of ours whose flag `comps` names it or nothing. Any thread. */
bool server_component_serves(const struct server *s, const struct server_component *c, struct span domain);
/* The component that has this address; ACTOR_NONE = none has. */
actor_id server_component(const struct server *s, const struct jid *j);

/* Hands a stanza to whoever is responsible for its `to`: a component by others -> COMPONENT_STANZA, local user -> its shard (SHARD_ROUTE), a visitor (unless
 * PACKET_FROM_DESK) -> the desk (DESK_TO_VISITOR), desk address -> desk of the sending visitor (DESK_FROM_VISITOR),
 * a domain we do not serve -> remote-server-not-found back to the sender. Takes *p. */
void server_route(const struct server *s, struct packet *p);

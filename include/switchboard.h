#pragma once
/* The interface for extensions of Switchboard (docs/extending.md): plugins, which look at and change what passes, and components,
 * which have an address of their own. An extension is a shared object that exports `switchboard_plugin`,
 * `switchboard_component`, or both. This header is all it sees of the server: no structure in here is the server's own.
 *
 * Stability. SB_ABI grows only when something in here changes its meaning; an extension of another SB_ABI is refused at the
 * start, with one line. What is added goes to the end of a structure, which bears its size, or is a new function: what was
 * built for an older server of the same SB_ABI runs on a newer one.
 *
 * Threads. `init` is called once, in the main thread, before the server is fenced in and before other threads start; also by
 * --check-config. A plugin has an instance for each session shard, a component has one: `open` makes it. Calls that concern one
 * instance never overlap, and all that one user's stanzas lead to comes to the same instance. Different instances run at the same
 * time: what they share (variables of the file) must not change after `init`, or must be atomic. No hook may block, for all users
 * of its shard would wait.
 *
 * Ownership. What is returned as `const struct sb_stanza *` or struct sb_text is borrowed and valid until the hook returns.
 * What is `struct sb_stanza *` is the caller's, until it is given to a function that says that it takes it, or to sb_free. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SB_ABI 1u
/* The first two fields of a descriptor. */
#define SB_HEAD(type) .abi = SB_ABI, .size = sizeof(type)

/* --- texts: UTF-8, not NUL-terminated; p NULL = absent --- */

struct sb_text {
	const char *p;
	size_t n;
};
static inline struct sb_text sb_text(const char *nul_terminated)
{
	struct sb_text t = { nul_terminated, nul_terminated ? strlen(nul_terminated) : 0 };

	return t;
}
static inline bool sb_is(struct sb_text t, const char *text)
{
	return t.p && t.n == strlen(text) && memcmp(t.p, text, t.n) == 0;
}

/* --- set-up: inside `init` only --- */

struct sb_setup;
struct sb_metric;

const char *sb_name(const struct sb_setup *setup); /* the plugin's id, the component's name */
/* Settings, with what they are when the configuration is silent. Of a plugin: sess-man/plugins-conf/ID/KEY, or with several ids or
 * none, as for the server's own plugins; of a component: NAME/KEY. A value that is none (a number out of its range) refuses the
 * start, with a line that names its place in the file, and the default is returned. Texts live as long as the server. */
const char *sb_setting(struct sb_setup *setup, const char *key, const char *otherwise);
int64_t sb_setting_int(struct sb_setup *setup, const char *key, int64_t otherwise, int64_t least, int64_t most);
bool sb_setting_bool(struct sb_setup *setup, const char *key, bool otherwise);
const char *sb_setting_item(struct sb_setup *setup, const char *key, size_t index); /* of a list; NULL behind the last */
/* The value of --NAME=VALUE, wherever it was written. */
const char *sb_global(struct sb_setup *setup, const char *name, const char *otherwise);
/* Refuses the start: the line names the setting's place in the file (key NULL: the place where the extension is named) and says
 * this text, which should tell what to write instead. */
void sb_problem(struct sb_setup *setup, const char *key, const char *text);
/* Metrics: in /metrics as switchboard_ext_ID_NAME, a `-` of the id as `_`. Never NULL. Names are letters, digits and `_`. */
struct sb_metric *sb_counter(struct sb_setup *setup, const char *name, const char *help);
struct sb_metric *sb_gauge(struct sb_setup *setup, const char *name, const char *help);

/* Anywhere, any thread. */
void sb_add(struct sb_metric *metric, int64_t by);
enum sb_level { SB_ERROR, SB_WARNING, SB_INFO, SB_DEBUG };
/* One line of the server's log; `area` is the extension's name. Never anything secret. */
void sb_log(enum sb_level level, const char *area, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint64_t sb_now_ms(void); /* a clock that only goes forward */

/* --- reading a stanza --- */

struct sb_stanza;
typedef uint32_t sb_element;
#define SB_TOP ((sb_element)0)
#define SB_NONE UINT32_MAX

struct sb_text sb_element_name(const struct sb_stanza *s, sb_element e);
struct sb_text sb_element_ns(const struct sb_stanza *s, sb_element e);
/* Of SB_TOP also type, id, to, from, the last two as they were written: where a stanza really goes say sb_to and sb_from. */
struct sb_text sb_attribute(const struct sb_stanza *s, sb_element e, const char *name);
struct sb_text sb_content(const struct sb_stanza *s, sb_element e); /* the text in it, unescaped; never absent */
sb_element sb_first(const struct sb_stanza *s, sb_element e); /* first child, or SB_NONE */
sb_element sb_next(const struct sb_stanza *s, sb_element e);  /* next sibling, or SB_NONE */
/* First child of this name and namespace (NULL = any), or SB_NONE. */
sb_element sb_child(const struct sb_stanza *s, sb_element e, const char *name, const char *ns);

/* --- making one --- */

/* There is no other way to make XML, so what is made is well-formed. Elements must be closed as they were opened; attributes
 * come before content. What cannot be (a bad name, bytes that are no UTF-8, a close too many) makes sb_finish return NULL,
 * with a line in the log. One at a time: sb_build starts over. */
struct sb_packet;
struct sb_builder;

struct sb_builder *sb_build(struct sb_packet *p);
/* ns NULL: its parent's; of the first element: jabber:client, that of stanzas. */
void sb_open(struct sb_builder *b, const char *name, const char *ns);
void sb_set(struct sb_builder *b, const char *name, struct sb_text value); /* an attribute; absent: left out */
void sb_write(struct sb_builder *b, struct sb_text content);
void sb_close(struct sb_builder *b);
void sb_copy(struct sb_builder *b, const struct sb_stanza *s, sb_element e); /* with all in it */
void sb_copy_content(struct sb_builder *b, const struct sb_stanza *s, sb_element e); /* only what is in it */
struct sb_stanza *sb_finish(struct sb_builder *b);
void sb_free(struct sb_stanza *s); /* NULL allowed */

/* --- a stanza on its way, or a session that came or went --- */

enum sb_direction {
	SB_FROM_USER, /* from one of the user's clients */
	SB_TO_USER,   /* to the user */
};
enum sb_role { SB_USER, SB_VISITOR, SB_SEAT, SB_ROBOT };
enum sb_verdict {
	SB_PASS,  /* not mine: it goes on */
	SB_TAKEN, /* dealt with */
	SB_DROP,  /* refused, or dropped on purpose */
};

const struct sb_stanza *sb_stanza(const struct sb_packet *p); /* NULL: a session opened or closed */
struct sb_text sb_from(const struct sb_packet *p);
struct sb_text sb_to(const struct sb_packet *p); /* a stanza without `to` is to its sender's own account */
enum sb_direction sb_direction(const struct sb_packet *p); /* to a component: SB_TO_USER */
/* Whose passage it is: the sender's when it comes from a client, the receiver's else. Bare; absent for a component, and for
 * requests to the server itself from somebody who is no client here. */
struct sb_text sb_user(const struct sb_packet *p);
enum sb_role sb_user_role(const struct sb_packet *p);
/* Full address of the session that sent it, opened or closed, or that is named as its receiver; absent = none. */
struct sb_text sb_session(const struct sb_packet *p);

/* Refuses it: its sender gets this condition of RFC 6120 8.3.3 ("forbidden") and the text (NULL = none), unless it is itself an
 * error or an answer. Returns SB_DROP, to be returned by the hook. */
enum sb_verdict sb_refuse(struct sb_packet *p, const char *condition, const char *text);
/* Answers an iq request with a result around the payload (NULL = empty); takes it. Returns SB_TAKEN. */
enum sb_verdict sb_result(struct sb_packet *p, struct sb_stanza *payload);
/* Sends a stanza of its own; takes it. `from` absent: the domain of the user; of a component: its own domain. A plugin may speak for
 * the user and for that domain, a component for its own addresses; false: neither, or an address that is none. What a plugin
 * sends does not come to plugins' hooks again, but for the filter and the hooks of its receiver's other passages. */
bool sb_send(struct sb_packet *p, struct sb_stanza *s, struct sb_text from, struct sb_text to);
/* In `before` only; false: not there, or it cannot be. */
bool sb_set_to(struct sb_packet *p, struct sb_text to);
/* In `before`, and in `filter` but for messages to the user's own clients, which are on record by then. The same kind of stanza;
 * takes it. */
bool sb_replace(struct sb_packet *p, struct sb_stanza *s);
bool sb_add_child(struct sb_packet *p, struct sb_stanza *element);               /* sb_replace with one more; takes it */
bool sb_remove_children(struct sb_packet *p, const char *name, const char *ns);  /* sb_replace without these (NULL = any) */

/* --- a plugin --- */

enum sb_close_reason {
	SB_CLOSED,         /* it left properly */
	SB_CLOSED_LOST,    /* its line broke */
	SB_CLOSED_SILENT,  /* it was silent for too long */
	SB_CLOSED_ERROR,   /* the server ended it with a stream error */
	SB_CLOSED_REPLACED,/* another one has its place */
	SB_CLOSED_SHUTDOWN,
	SB_CLOSED_REMOVED, /* its account was removed */
};

/* What a processor is asked for. A zero `kind` ends the list. */
enum sb_kind { SB_MESSAGE = 1, SB_PRESENCE, SB_IQ };
#define SB_WHERE_SERVER 1u  /* iq requests of a client, or of others, to a domain of ours */
#define SB_WHERE_ACCOUNT 2u /* iq requests to the account itself, by its own clients or by others: the server answers for it */
#define SB_WHERE_AWAY 4u    /* all else that comes from a client */
#define SB_WHERE_HERE 8u    /* all else that comes to a user */
struct sb_processor {
	enum sb_kind kind;
	const char *type; /* "get", "set", "chat"; "" = no type attribute; NULL = any */
	const char *name, *ns; /* of a child it must have; NULL = any */
	unsigned where;   /* SB_WHERE_… */
	/* SB_TAKEN or SB_DROP: nobody else is asked. A request must then be answered (sb_result, sb_refuse). */
	enum sb_verdict (*process)(void *state, struct sb_packet *p);
};

struct sb_plugin {
	uint32_t abi, size;
	const char *id;    /* the name of the file without .so: small letters, digits, `-` */
	const char *about; /* one sentence */
	const char *const *features;         /* for disco#info of the domain; NULL-terminated, may be NULL */
	const char *const *account_features; /* of an account */
	bool (*init)(struct sb_setup *setup); /* false: it cannot start; say why with sb_problem */
	void *(*open)(void);        /* the state of an instance; NULL allowed */
	void (*close)(void *state);
	/* Hooks; each may be NULL, and one that is NULL costs nothing.
	 * before: every stanza, before all others look at it (Tigase's pre-processor). May change it, refuse it, drop it. */
	enum sb_verdict (*before)(void *state, struct sb_packet *p);
	const struct sb_processor *processors; /* what matches, before the server's own plugins do with it what they do */
	/* Post-processors. after: it was dealt with. undelivered: to a user, and nobody took it; SB_TAKEN: it is dealt with now,
	 * else it is kept, or answered with an error. */
	void (*after)(void *state, struct sb_packet *p);
	enum sb_verdict (*undelivered)(void *state, struct sb_packet *p);
	/* Every stanza that comes of a stanza in passing, on its way to a client or elsewhere. SB_DROP drops it. */
	enum sb_verdict (*filter)(void *state, struct sb_packet *p);
	void (*session_opened)(void *state, struct sb_packet *p);
	void (*session_closed)(void *state, struct sb_packet *p, enum sb_close_reason reason);
};

/* --- a component --- */

struct sb_component {
	uint32_t abi, size;
	const char *about;
	const char *category, *type, *title; /* its identity in disco#info */
	const char *const *features;
	bool (*init)(struct sb_setup *setup);
	void *(*open)(void);
	void (*close)(void *state);
	/* A stanza to NAME@DOMAIN or to any address of NAME.DOMAIN, for each domain served. What it does not take is answered: disco
	 * by the fields above, other requests and messages with service-unavailable. */
	enum sb_verdict (*receive)(void *state, struct sb_packet *p);
};

/* What a shared object exports. */
extern const struct sb_plugin switchboard_plugin;
extern const struct sb_component switchboard_component;

#ifdef __cplusplus
}
#endif

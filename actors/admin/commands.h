#pragma once
/* The ad-hoc commands as facts: what there is and who may run it. Functions over the immutable facts of struct server and
 * the domains served now; any thread. Running them is the admin actor's (admin.h). */
#include "actors/server.h"
#include "xmpp/rules/dataform.h"

enum command_part { COMMAND_SESS_MAN, COMMAND_VHOST_MAN, COMMAND_PARTS };
enum command_who { COMMAND_ADMIN, COMMAND_TRUSTED };
enum command_name {
#define COMMAND(name, part, node, title, who, fields, doc) COMMAND_NAME_##name,
#include "actors/admin/commands.def"
#undef COMMAND
	COMMAND_COUNT
};

struct command {
	enum command_part part;
	const char *node, *title, *doc;
	enum command_who who;
	const struct form_field *fields; /* NULL: none */
	unsigned field_count;
	bool own_fields; /* the command makes its form */
};
extern const struct command commands[COMMAND_COUNT];

const struct command *command_find(struct span node); /* NULL when there is none */
const char *command_part_name(enum command_part p);   /* "sess-man": localpart of its address */
/* The address of a part in a domain we serve: sess-man@domain, vhost-man@domain. */
bool command_is_part(const struct server *s, const struct jid *j, enum command_part *out);

/* How far the asker may go with a command sent to this domain. Visitors never may. Administrators (--admins, PART/admins) may
 * everywhere; a domain's own (its flag admins) and those an ACL lets in (`PART/command/NODE`) within the domain alone, the latter
 * only in their own one. */
enum command_reach { COMMAND_NOWHERE, COMMAND_IN_DOMAIN, COMMAND_EVERYWHERE };
enum command_reach command_reach(const struct server *s, const struct command *c, const struct jid *asker, struct span domain);

/* Whether the configuration, or a domain, gives this address a right of its own: no stranger may take it. */
bool command_names(const struct server *s, const struct jid *account);
/* May the asker, who may run a command that changes this account, do so? Who could give himself the password of somebody with more
 * rights would have them: accounts that may run commands are changed by --admins alone, and by themselves. */
bool command_may_change(const struct server *s, const struct jid *asker, const struct jid *account);

void commands_print_reference(struct buf *out); /* docs/reference/commands.md */

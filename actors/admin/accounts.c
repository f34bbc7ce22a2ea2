/* Commands about accounts (XEP-0133 4.1 to 4.6): what they change is in the store, before they answer. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/account.h"
#include "actors/admin/inner.h"
#include "runtime/log.h"
#include "xmpp/ns.h"
#include "xmpp/rules/roster.h"

static enum stanza_error condition_of(enum account_refusal r)
{
	switch (r) {
	case ACCOUNT_EXISTS:
		return STANZA_ERROR_CONFLICT;
	case ACCOUNT_UNKNOWN:
	case ACCOUNT_NOT_SERVED:
		return STANZA_ERROR_ITEM_NOT_FOUND;
	case ACCOUNT_BAD_PASSWORD:
		return STANZA_ERROR_NOT_ACCEPTABLE;
	case ACCOUNT_PROTECTED:
		return STANZA_ERROR_FORBIDDEN;
	case ACCOUNT_STORE:
		return STANZA_ERROR_INTERNAL_SERVER_ERROR;
	default:
		return STANZA_ERROR_NOT_ALLOWED;
	}
}

static void answer(struct call *c, const struct jid *account, enum account_refusal r, const char *done)
{
	struct buf text = BUF_INIT;
	char *note;

	buf_addf(&text, "%.*s: %s", SPAN_FMT(jid_bare(account)), r ? account_refusal_text(r) : done);
	note = buf_take_text(&text);
	if (r)
		call_refuse(c, condition_of(r), note);
	else
		call_done(c, note);
	free(note);
}

static bool has_password(struct call *c)
{
	struct span again = call_field(c, "password-verify"); /* a field of its own for people; programs leave it out or empty */

	if (call_field(c, "password").n == 0) {
		call_refuse(c, STANZA_ERROR_NOT_ACCEPTABLE, "The password is empty");
		return false;
	}
	if (again.n && !span_eq(again, call_field(c, "password"))) {
		call_refuse(c, STANZA_ERROR_NOT_ACCEPTABLE, "The two passwords differ");
		return false;
	}
	return true;
}

static bool may_change(const struct call *c, const struct jid *account)
{
	return command_may_change(c->server, c->packet.from, account);
}

static enum account_refusal add(struct call *c, const struct jid *account)
{
	return may_change(c, account) ? account_add(c->store, c->server->conf, account, call_field(c, "password")) : ACCOUNT_PROTECTED;
}

static enum account_refusal set_password(struct call *c, const struct jid *account)
{
	return may_change(c, account) ? account_change(c->store, c->server->conf, account, call_field(c, "password")) : ACCOUNT_PROTECTED;
}

void run_add_user(struct call *c)
{
	struct jid *account = call_account(c, call_field(c, "accountjid"), false);

	if (account && has_password(c))
		answer(c, account, add(c, account), "account made");
	jid_unref(account);
}

void run_change_user_password(struct call *c)
{
	struct jid *account = call_account(c, call_field(c, "accountjid"), false);

	if (account && has_password(c))
		answer(c, account, set_password(c, account), "password changed");
	jid_unref(account);
}

/* --- several at once --- */

typedef enum account_refusal change_f(struct call *c, const struct jid *account);

struct changing {
	change_f *change;
	bool ends_sessions;
	unsigned done;
	enum account_refusal first; /* of those that failed */
	struct buf failed;          /* "name: why; …" */
};

static void change_one(struct call *c, struct jid *account, void *ctx)
{
	struct changing *all = ctx;
	enum account_refusal r = may_change(c, account) ? all->change(c, account) : ACCOUNT_PROTECTED;

	if (r) {
		buf_addf(&all->failed, "%s%.*s: %s", buf_len(&all->failed) ? "; " : "", SPAN_FMT(jid_bare(account)), account_refusal_text(r));
		all->first = all->first ? all->first : r;
		return;
	}
	all->done++;
	if (all->ends_sessions)
		call_ask(c, SHARD_ASK_END, account, 0, NULL);
}

static void changed(struct call *c)
{
	char *note = buf_take_text(&c->note);

	call_done(c, note);
	free(note);
}

/* All addresses are looked at before the first account is touched. What fails then is in the note; the rest is done. */
static void change_all(struct call *c, change_f *change, bool ends_sessions, const char *what)
{
	struct changing all = { .change = change, .ends_sessions = ends_sessions };

	if (!call_each_account(c, "accountjids", false, NULL, NULL))
		return;
	(void)call_each_account(c, "accountjids", false, change_one, &all);
	buf_addf(&c->note, "%s: %u", what, all.done);
	if (buf_len(&all.failed))
		buf_addf(&c->note, "; %.*s", SPAN_FMT(buf_span(&all.failed)));
	if (all.done == 0 && all.first) {
		char *why = buf_take_text(&all.failed);

		call_refuse(c, condition_of(all.first), why);
		free(why);
		return;
	}
	buf_fini(&all.failed);
	call_wait(c, changed);
}

/* Told here and not only by the account watch, which may be off: what is known of the account is looked up again. */
static enum account_refusal delete(struct call *c, const struct jid *account)
{
	uint64_t removal;
	enum status st = account_remove(c->store, account, &removal);
	struct shard_removed *m;

	if (st != STATUS_OK)
		return st == STATUS_NOT_FOUND ? ACCOUNT_UNKNOWN : ACCOUNT_STORE;
	m = MSG_NEW(shard_removed, shard_removed);
	m->account = jid_ref((struct jid *)(uintptr_t)account);
	m->removal = removal;
	actor_send(server_shard(c->server, account), &m);
	return ACCOUNT_FINE;
}

void run_delete_user(struct call *c)
{
	change_all(c, delete, true, "Accounts removed");
}

static enum account_refusal disable(struct call *c, const struct jid *account)
{
	return account_disable(c->store, account, true);
}

void run_disable_user(struct call *c)
{
	change_all(c, disable, true, "Accounts disabled");
}

static enum account_refusal enable(struct call *c, const struct jid *account)
{
	return account_disable(c->store, account, false);
}

void run_reenable_user(struct call *c)
{
	change_all(c, enable, false, "Accounts enabled");
}

/* --- what is kept --- */

/* "none", or one of the numbers the form offers; never more than the server's own limit. */
uint32_t call_limit(const struct call *c)
{
	struct span text = call_field(c, "max_items");
	int64_t most = c->server->conf->command_items, n = 0;

	for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		n = n * 10 + (text.p[i] - '0');
	if (text.n == 0)
		n = 100;
	return (uint32_t)(n > 0 && n < most ? n : most);
}

struct counting {
	struct call *c;
	uint32_t limit;
};

static bool count_account(void *ctx, struct span account)
{
	struct counting *k = ctx;

	if (k->c->count++ < k->limit) {
		buf_add_span(&k->c->lines, account);
		buf_add_text(&k->c->lines, "\n");
	}
	return true;
}

static bool count_accounts(struct call *c, bool disabled, uint32_t limit)
{
	struct counting k = { c, limit };

	if (account_each(c->store, c->domain, disabled, count_account, &k) == STATUS_OK)
		return true;
	call_refuse(c, STANZA_ERROR_INTERNAL_SERVER_ERROR, account_refusal_text(ACCOUNT_STORE));
	return false;
}

void run_get_registered_users_num(struct call *c)
{
	if (count_accounts(c, false, 0))
		call_answer_number(c, "registeredusersnum", "Registered users");
}

void run_get_disabled_users_num(struct call *c)
{
	if (count_accounts(c, true, 0))
		call_answer_number(c, "disabledusersnum", "Disabled users");
}

void run_get_registered_users_list(struct call *c)
{
	if (count_accounts(c, false, call_limit(c)))
		call_answer_list(c, "registereduserjids", "Registered users");
}

void run_get_disabled_users_list(struct call *c)
{
	if (count_accounts(c, true, call_limit(c)))
		call_answer_list(c, "disableduserjids", "Disabled users");
}

static bool write_item(void *ctx, struct span key, struct span value)
{
	struct roster_item *i = roster_item_load(key, value);

	if (i && i->listed)
		roster_item_write(ctx, i);
	roster_item_free(i);
	return true;
}

static bool is_known(struct call *c, const struct jid *account)
{
	enum account_refusal r = account_known(c->store, account);

	if (r == ACCOUNT_EXISTS)
		return true;
	answer(c, account, r, NULL);
	return false;
}

void run_get_user_roster(struct call *c)
{
	struct jid *account = call_account(c, call_field(c, "accountjid"), false);
	struct builder *b;

	if (account && is_known(c, account)) {
		b = call_result(c);
		form_add_text(b, "accountjid", "Account", FORM_JID_SINGLE, jid_bare(account));
		builder_open(b, "query", NS_ROSTER);
		if (store_map_each(c->store, STORE_ROSTER, jid_bare(account), write_item, b) != STATUS_OK)
			LOG_WARNING("admin", "the roster of %s cannot be read", account->text);
		builder_close(b);
		call_end(c, NULL);
	}
	jid_unref(account);
}

/* --- one account's figures --- */

static bool count_item(void *ctx, struct span key UNUSED, struct span value)
{
	enum roster_state state;
	bool listed;

	roster_item_peek(value, &state, &listed);
	*(uint64_t *)ctx += listed;
	return true;
}

static void figures(struct call *c)
{
	struct jid *account = call_account(c, call_field(c, "accountjid"), false);
	uint64_t contacts = 0;
	char number[24];
	struct builder *b;

	if (account && store_map_each(c->store, STORE_ROSTER, jid_bare(account), count_item, &contacts) == STATUS_OK) {
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)contacts);
		b = call_result(c);
		form_add_text(b, "accountjid", "Account", FORM_JID_SINGLE, jid_bare(account));
		form_add_text(b, "rostersize", "Contacts", FORM_TEXT_SINGLE, span_of(number));
		call_add_lines(c, "onlineresources", "Resources online", FORM_TEXT_MULTI);
		call_end(c, NULL);
	} else if (account) {
		call_refuse(c, STANZA_ERROR_INTERNAL_SERVER_ERROR, account_refusal_text(ACCOUNT_STORE));
	}
	jid_unref(account);
}

void run_user_stats(struct call *c)
{
	struct jid *account = call_account(c, call_field(c, "accountjid"), false);

	if (account && is_known(c, account)) {
		call_ask(c, SHARD_ASK_RESOURCES, account, (uint32_t)c->server->conf->command_items, NULL);
		call_wait(c, figures);
	}
	jid_unref(account);
}

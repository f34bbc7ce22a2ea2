/* Patterns of addresses: seats, robots, visitors and admins. What no address could match is an error, since it leaves
 * somebody out in silence; so is a visitor who could be a seat, a robot or an admin, since a visitor needs no password. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/inner.h"
#include "runtime/mem/buf.h"

#define ADDRESS_MAX 2047 /* localpart, @, domain: 1,023 bytes each (RFC 6122 2) */

/* From the ends to the beginnings, one row at a time: whether the rest of a and the rest of b have a text in common. */
bool patterns_meet(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	bool *row = xcalloc(m + 1, sizeof(*row)), met;

	for (size_t i = n + 1; i-- > 0;) {
		bool diagonal = false; /* the row below, one to the right */

		for (size_t j = m + 1; j-- > 0;) {
			bool below = i < n && row[j], right = j < m && row[j + 1], here;

			if (i < n && a[i] == '*')
				here = below || right;
			else if (j < m && b[j] == '*')
				here = right || below;
			else
				here = i == n || j == m ? i == n && j == m : a[i] == b[j] && diagonal;
			diagonal = row[j];
			row[j] = here;
		}
	}
	met = row[0];
	free(row);
	return met;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return true;
	return false;
}

const char *patterns_wrong_with(const char *pattern)
{
	const char *at = strchr(pattern, '@');
	size_t local = at ? (size_t)(at - pattern) : strlen(pattern);

	if (has_control(pattern))
		return "there is white space in it";
	if (at && strchr(at + 1, '@'))
		return "there is more than one @ in it";
	if (local == 0)
		return "nothing stands before the @";
	if (at && at[1] == '\0')
		return "no domain stands behind the @";
	if (strcspn(pattern, "\"&':<>") < strlen(pattern))
		return "one of \"&':<> is in it";
	if (at && (at[1] == '.' || strstr(at, "..")))
		return "its domain is none";
	if (strlen(pattern) > ADDRESS_MAX)
		return "it is too long";
	return !at && !strchr(pattern, '*') ? "it has no @" : NULL;
}

/* Addresses are compared in their prepared form, which is lower case. */
static void lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text + 32);
}

static bool meets_domain(const char *pattern, const struct config_vhost *v)
{
	char domain[1100];

	snprintf(domain, sizeof(domain), "*@%s", v->name);
	return patterns_meet(pattern, domain);
}

static bool is_served(const struct config *c, const char *pattern)
{
	bool found = false;

	for (size_t i = 0; i < c->vhost_count && !found; i++)
		found = meets_domain(pattern, &c->vhosts[i]);
	return found;
}

static void check_desk_address(struct loading *l, const char *pattern, enum config_option option)
{
	const char *at = strchr(pattern, '@');

	if (at && span_is((struct span){ pattern, (size_t)(at - pattern) }, l->c->desk_name))
		loading_problem(l, CONFIG_FATAL, l->c->source[option], "'%s' is the desk's own address; nobody can log in with it", pattern);
}

static bool is_admins(enum config_option option)
{
	return option == CONFIG_OPTION_admins || option == CONFIG_OPTION_sess_man_admins || option == CONFIG_OPTION_vhost_man_admins;
}

static void check_list(struct loading *l, const struct config_list *list, enum config_option option)
{
	const struct config_raw *where = l->c->source[option];

	for (size_t i = 0; i < list->count; i++) {
		char *pattern = list->items[i];
		const char *wrong = strchr(pattern, '/') ? NULL : patterns_wrong_with(pattern);

		lower(pattern);
		if (strchr(pattern, '/'))
			loading_problem(l, CONFIG_WARNING, where, "'%s' has a resource; accounts are bare JIDs, so it matches nothing", pattern);
		else if (wrong)
			loading_problem(l, CONFIG_FATAL, where, "'%s' is no address: %s; write name@domain%s", pattern, wrong,
					is_admins(option) ? "" : ", * for any run of characters");
		else if (is_admins(option) && strchr(pattern, '*'))
			loading_problem(l, CONFIG_FATAL, where, "'%s' is a pattern; name each administrator", pattern);
		else if (!is_admins(option) && !is_served(l->c, pattern))
			loading_problem(l, CONFIG_WARNING, where, "'%s' matches no address of a domain in --virt-hosts", pattern);
		else if (!is_admins(option))
			check_desk_address(l, pattern, option);
	}
}

/* A visitor's pattern that meets another one, said once. */
static void check_apart(struct loading *l, const char *visitor, const struct config_list *others, const char *what)
{
	for (size_t i = 0; i < others->count; i++)
		if (patterns_meet(visitor, others->items[i])) {
			loading_problem(l, CONFIG_FATAL, l->c->source[CONFIG_OPTION_desk_visitors],
					"visitors '%s' and %s '%s' can be one address, and a visitor needs no password; take a pattern "
					"of their own, such as guest-*@domain", visitor, what, others->items[i]);
			return;
		}
}

static void check_visitors(struct loading *l)
{
	const struct config *c = l->c;

	for (size_t i = 0; i < c->desk_visitors.count; i++) {
		const char *pattern = c->desk_visitors.items[i];
		size_t stars = strspn(pattern, "*");

		check_apart(l, pattern, &c->desk_seats, "seats");
		check_apart(l, pattern, &c->desk_robots, "robots");
		check_apart(l, pattern, &c->admins, "admins");
		check_apart(l, pattern, &c->sess_man_admins, "admins");
		check_apart(l, pattern, &c->vhost_man_admins, "admins");
		if (stars && (pattern[stars] == '@' || pattern[stars] == '\0'))
			loading_problem(l, CONFIG_WARNING, c->source[CONFIG_OPTION_desk_visitors],
					"visitors '%s' are all names of a domain: whoever takes one that has no account is let in with any "
					"password; guest-*@domain leaves the others alone", pattern);
	}
}

bool patterns_name_visitors(const struct config *c, const struct config_vhost *v)
{
	for (size_t k = 0; k < c->desk_visitors.count; k++)
		if (meets_domain(c->desk_visitors.items[k], v))
			return true;
	return false;
}

void patterns_check(struct loading *l)
{
	const struct config *c = l->c;

	check_list(l, &c->admins, CONFIG_OPTION_admins);
	check_list(l, &c->sess_man_admins, CONFIG_OPTION_sess_man_admins);
	check_list(l, &c->vhost_man_admins, CONFIG_OPTION_vhost_man_admins);
	check_list(l, &c->desk_seats, CONFIG_OPTION_desk_seats);
	check_list(l, &c->desk_robots, CONFIG_OPTION_desk_robots);
	check_list(l, &c->desk_visitors, CONFIG_OPTION_desk_visitors);
	for (size_t i = 0; i < c->desk_robots.count; i++)
		for (size_t k = 0; k < c->desk_seats.count; k++)
			if (patterns_meet(c->desk_robots.items[i], c->desk_seats.items[k])) {
				loading_problem(l, CONFIG_WARNING, c->source[CONFIG_OPTION_desk_robots],
						"robots '%s' and seats '%s' can be one address; it counts as a seat", c->desk_robots.items[i],
						c->desk_seats.items[k]);
				break;
			}
	check_visitors(l);
	for (size_t i = 0; i < c->vhost_count; i++)
		c->vhosts[i].named_visitors = patterns_name_visitors(c, &c->vhosts[i]);
}

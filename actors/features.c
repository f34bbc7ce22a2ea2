#include "actors/features.h"

#include "actors/server.h"

#define CONFIG_PLUGIN_ALWAYS (-1)
const struct feature features[] = {
#define RFC(number, section, title, state, plugin, remark) \
	{ false, number, section, title, FEATURE_##state, CONFIG_PLUGIN_##plugin, remark },
#define XEP(number, version, title, state, plugin, remark) \
	{ true, number, version, title, FEATURE_##state, CONFIG_PLUGIN_##plugin, remark },
#include "actors/features.def"
#undef RFC
#undef XEP
};
const size_t feature_count = ARRAY_LEN(features);

static const char *const states[] = { "complete", "partial", "none" };

static void print_plugin(const struct feature *f, struct buf *out)
{
	if (f->plugin >= 0)
		buf_addf(out, " | `%s`", config_plugin_id((enum config_plugin)f->plugin));
	else
		buf_add_text(out, " | ");
}

static void print_kind(bool is_xep, struct buf *out)
{
	buf_addf(out, "\n## %s\n\n| %s | %s | title | state | plugin | remark |\n|---|---|---|---|---|---|\n", is_xep ? "XEPs" : "RFCs",
		 is_xep ? "XEP" : "RFC", is_xep ? "version" : "section");
	for (size_t i = 0; i < feature_count; i++) {
		const struct feature *f = &features[i];

		if (f->is_xep != is_xep)
			continue;
		if (is_xep)
			buf_addf(out, "| [%04u](https://xmpp.org/extensions/xep-%04u.html) | %s | %s | %s", f->number, f->number, f->part, f->title,
				 states[f->state]);
		else
			buf_addf(out, "| [%u](https://www.rfc-editor.org/rfc/rfc%u) | %s | %s | %s", f->number, f->number, f->part, f->title,
				 states[f->state]);
		print_plugin(f, out);
		buf_addf(out, " | %s |\n", f->remark);
	}
}

void features_print_reference(struct buf *out)
{
	buf_add_text(out, "# Standards\n\nPrinted by `switchboard --print-reference features`; do not edit. *complete*: all a server must do, and "
			  "what it should; *partial*: the remark says what is missing; *none*: not yet. A plugin must be loaded for what "
			  "stands beside it. The same for programs: [switchboard.doap](../switchboard.doap).\n");
	print_kind(false, out);
	print_kind(true, out);
}

/* XEP-0453. Texts of the table hold nothing that must be escaped but `&`, which none has (tested). */
void features_print_doap(struct buf *out)
{
	buf_add_text(out, "<?xml version='1.0' encoding='UTF-8'?>\n<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "
			  "xmlns='http://usefulinc.com/ns/doap#' xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>\n<Project>\n"
			  "\t<name>" SERVER_NAME "</name>\n\t<shortdesc xml:lang='en'>XMPP server for live customer-service chat</shortdesc>\n"
			  "\t<programming-language>C</programming-language>\n\t<os>Linux</os>\n"
			  "\t<category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-xmpp'/>\n"
			  "\t<category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server'/>\n");
	for (size_t i = 0; i < feature_count; i++) {
		const struct feature *f = &features[i];

		if (!f->is_xep && f->state != FEATURE_NONE && (i == 0 || features[i - 1].is_xep || features[i - 1].number != f->number))
			buf_addf(out, "\t<implements rdf:resource='https://xmpp.org/rfcs/rfc%u.html'/>\n", f->number);
	}
	for (size_t i = 0; i < feature_count; i++) {
		const struct feature *f = &features[i];

		if (!f->is_xep || f->state == FEATURE_NONE)
			continue;
		buf_addf(out, "\t<implements><xmpp:SupportedXep>\n\t\t<xmpp:xep rdf:resource='https://xmpp.org/extensions/xep-%04u.html'/>\n"
			      "\t\t<xmpp:status>%s</xmpp:status>\n\t\t<xmpp:version>%s</xmpp:version>\n", f->number, states[f->state], f->part);
		if (*f->remark)
			buf_addf(out, "\t\t<xmpp:note xml:lang='en'>%s</xmpp:note>\n", f->remark);
		buf_add_text(out, "\t</xmpp:SupportedXep></implements>\n");
	}
	buf_add_text(out, "</Project>\n</rdf:RDF>\n");
}

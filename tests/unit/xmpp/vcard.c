#include "tests/support/check.h"

#include "xmpp/ns.h"
#include "xmpp/parser.h"
#include "xmpp/vcard.h"

static struct xml_pool *pool;
static struct builder *builder;

static struct stanza *parse(const char *text)
{
	static const struct xml_limits none;
	struct stanza *s = NULL;
	enum stream_error error = xml_parse_document(pool, span_of(text), &none, &s);

	if (error != STREAM_ERROR_NONE)
		fail_msg("%s: %s", text, stream_error_text(error));
	return s;
}

/* The card in the other form; the caller's. */
static char *converted(const char *card, bool to_4)
{
	struct stanza *s = parse(card), *other;
	struct buf out = BUF_INIT;

	builder_reset(builder);
	if (to_4)
		vcard_write_4(builder, s, STANZA_TOP);
	else
		vcard_write_temp(builder, s, STANZA_TOP);
	other = builder_finish(builder);
	stanza_write(&out, other, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	stanza_unref(other);
	stanza_unref(s);
	return buf_take_text(&out);
}

static void check(const char *inside, const char *want, bool to_4)
{
	struct buf card = BUF_INIT, wanted = BUF_INIT;
	char *from, *text, *all;

	buf_addf(&card, "<%s>%s</%s>", to_4 ? "vCard xmlns='vcard-temp'" : "vcard xmlns='" NS_VCARD4 "'", inside,
		 to_4 ? "vCard" : "vcard");
	buf_addf(&wanted, *want ? "<%s>%s</%s>" : "<%s/>", to_4 ? "vcard xmlns='" NS_VCARD4 "'" : "vCard xmlns='vcard-temp'",
		 want, to_4 ? "vcard" : "vCard");
	from = buf_take_text(&card);
	all = buf_take_text(&wanted);
	text = converted(from, to_4);
	assert_string_equal(text, all);
	free(from);
	free(all);
	free(text);
}

/* --- properties: XEP-0054 3, XEP-0292 7 --- */

#define NAMED "<FN>x</FN>"
#define NAMED4 "<fn><text>x</text></fn>"

static void each_property_becomes_its_new_form(void **state)
{
	static const char *const rows[][2] = {
		{ "<FN>Peter Saint-Andre</FN>", "<fn><text>Peter Saint-Andre</text></fn>" },
		{ NAMED "<N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN><MIDDLE/></N>",
		  NAMED4 "<n><surname>Saint-Andre</surname><given>Peter</given><additional/></n>" },
		{ NAMED "<NICKNAME>stpeter</NICKNAME><NICKNAME>psa</NICKNAME>",
		  NAMED4 "<nickname><text>stpeter</text></nickname><nickname><text>psa</text></nickname>" },
		{ NAMED "<PHOTO><EXTVAL>http://stpeter.im/images/stpeter_oscon.jpg</EXTVAL></PHOTO>",
		  NAMED4 "<photo><uri>http://stpeter.im/images/stpeter_oscon.jpg</uri></photo>" },
		{ NAMED "<PHOTO><TYPE>image/jpeg</TYPE><BINVAL>\n/9j/\n 4AAQ\n</BINVAL></PHOTO>",
		  NAMED4 "<photo><uri>data:image/jpeg;base64,/9j/4AAQ</uri></photo>" },
		{ NAMED "<PHOTO><BINVAL>iVBO</BINVAL></PHOTO>", NAMED4 "<photo><uri>data:image/png;base64,iVBO</uri></photo>" },
		{ NAMED "<BDAY>1966-08-06</BDAY>", NAMED4 "<bday><date>1966-08-06</date></bday>" },
		{ NAMED "<ADR><WORK/><PREF/><EXTADD>Suite 600</EXTADD><STREET>1899 Wynkoop Street</STREET>"
		  "<LOCALITY>Denver</LOCALITY><REGION>CO</REGION><PCODE>80202</PCODE><CTRY>USA</CTRY></ADR>",
		  NAMED4 "<adr><parameters><type><text>work</text></type><pref><integer>1</integer></pref></parameters>"
		  "<ext>Suite 600</ext><street>1899 Wynkoop Street</street><locality>Denver</locality><region>CO</region>"
		  "<code>80202</code><country>USA</country></adr>" },
		{ NAMED "<TEL><PREF/><WORK/><VOICE/><NUMBER>+1-303-308-3282</NUMBER></TEL>",
		  NAMED4 "<tel><parameters><type><text>work</text><text>voice</text></type><pref><integer>1</integer></pref>"
		  "</parameters><uri>tel:+1-303-308-3282</uri></tel>" },
		{ NAMED "<TEL><HOME/><NUMBER>ask for Peter, 4711</NUMBER></TEL>",
		  NAMED4 "<tel><parameters><type><text>home</text></type></parameters><text>ask for Peter, 4711</text></tel>" },
		{ NAMED "<TEL><WORK/><FAX/><NUMBER/></TEL>", NAMED4 },
		{ NAMED "<EMAIL><INTERNET/><PREF/><USERID>stpeter@jabber.org</USERID></EMAIL>",
		  NAMED4 "<email><parameters><pref><integer>1</integer></pref></parameters><text>stpeter@jabber.org</text></email>" },
		{ NAMED "<EMAIL><WORK/><USERID>psaintan@cisco.com</USERID></EMAIL>",
		  NAMED4 "<email><parameters><type><text>work</text></type></parameters><text>psaintan@cisco.com</text></email>" },
		{ NAMED "<JABBERID>stpeter@jabber.org</JABBERID>", NAMED4 "<impp><uri>xmpp:stpeter@jabber.org</uri></impp>" },
		{ NAMED "<TZ>America/Denver</TZ>", NAMED4 "<tz><text>America/Denver</text></tz>" },
		{ NAMED "<GEO><LAT>39.59</LAT><LON>-105.01</LON></GEO>", NAMED4 "<geo><uri>geo:39.59,-105.01</uri></geo>" },
		{ NAMED "<TITLE>Executive Director</TITLE><ROLE>Patron Saint</ROLE>",
		  NAMED4 "<title><text>Executive Director</text></title><role><text>Patron Saint</text></role>" },
		{ NAMED "<ORG><ORGNAME>XMPP Standards Foundation</ORGNAME><ORGUNIT/><ORGUNIT>Council</ORGUNIT></ORG>",
		  NAMED4 "<org><text>XMPP Standards Foundation</text><text>Council</text></org>" },
		{ NAMED "<URL>https://stpeter.im/</URL>", NAMED4 "<url><uri>https://stpeter.im/</uri></url>" },
		{ NAMED "<DESC>a &lt;b></DESC><NOTE>c</NOTE>",
		  NAMED4 "<note><text>a &lt;b&gt;</text></note><note><text>c</text></note>" },
		{ NAMED "<CATEGORIES><KEYWORD>a</KEYWORD><KEYWORD>b</KEYWORD></CATEGORIES>",
		  NAMED4 "<categories><text>a</text><text>b</text></categories>" },
		{ NAMED "<KEY><CRED>-----BEGIN</CRED></KEY><UID>urn:uuid:1</UID><REV>20120912T000000Z</REV>",
		  NAMED4 "<key><text>-----BEGIN</text></key><uid><uri>urn:uuid:1</uri></uid>"
		  "<rev><timestamp>20120912T000000Z</timestamp></rev>" },
		/* what has no place there, and what is no property */
		{ NAMED "<MAILER>x</MAILER><CLASS><PUBLIC/></CLASS><LABEL/><TITLE xmlns='urn:other'>no</TITLE>", NAMED4 },
		/* a name must be there */
		{ "<TZ>x</TZ>", "<fn><text/></fn><tz><text>x</text></tz>" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i][0], rows[i][1], true);
}

static void each_property_becomes_its_old_form(void **state)
{
	static const char *const rows[][2] = {
		{ "<fn><text>Peter Saint-Andre</text></fn>", "<FN>Peter Saint-Andre</FN>" },
		{ "<n><surname>Saint-Andre</surname><given>Peter</given><additional/><prefix>Dr</prefix><prefix>Sir</prefix></n>",
		  "<N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN><MIDDLE/><PREFIX>Dr,Sir</PREFIX></N>" },
		{ "<nickname><text>stpeter</text><text>psa</text></nickname>", "<NICKNAME>stpeter</NICKNAME><NICKNAME>psa</NICKNAME>" },
		{ "<photo><uri>https://stpeter.im/images/stpeter_oscon.jpg</uri></photo>",
		  "<PHOTO><EXTVAL>https://stpeter.im/images/stpeter_oscon.jpg</EXTVAL></PHOTO>" },
		{ "<photo><uri>data:image/jpeg;base64,/9j/4AAQ</uri></photo>",
		  "<PHOTO><TYPE>image/jpeg</TYPE><BINVAL>/9j/4AAQ</BINVAL></PHOTO>" },
		{ "<photo><uri>data:text/plain,x</uri></photo>", "<PHOTO><EXTVAL>data:text/plain,x</EXTVAL></PHOTO>" },
		{ "<photo><uri>data:;base64</uri></photo>", "<PHOTO><EXTVAL>data:;base64</EXTVAL></PHOTO>" },
		{ "<bday><date>1966-08-06</date></bday>", "<BDAY>1966-08-06</BDAY>" },
		{ "<bday><text>circa 1800</text></bday>", "<BDAY>circa 1800</BDAY>" },
		{ "<adr><parameters><type><text>work</text><text>voice</text></type><pref><integer>1</integer></pref></parameters>"
		  "<ext>Suite 600</ext><street>1899 Wynkoop Street</street><locality>Denver</locality><region>CO</region>"
		  "<code>80202</code><country>USA</country></adr>",
		  "<ADR><WORK/><PREF/><EXTADD>Suite 600</EXTADD><STREET>1899 Wynkoop Street</STREET><LOCALITY>Denver</LOCALITY>"
		  "<REGION>CO</REGION><PCODE>80202</PCODE><CTRY>USA</CTRY></ADR>" },
		{ "<tel><parameters><type><text>cell</text><text>voice</text><text>text</text></type></parameters>"
		  "<uri>tel:+1-720-256-6756;ext=102</uri></tel>",
		  "<TEL><TEXT/><VOICE/><CELL/><NUMBER>+1-720-256-6756</NUMBER></TEL>" },
		{ "<tel><text>4711</text></tel>", "<TEL><NUMBER>4711</NUMBER></TEL>" },
		{ "<email><parameters><type><text>home</text></type><pref><integer>2</integer></pref></parameters>"
		  "<text>stpeter@jabber.org</text></email>",
		  "<EMAIL><HOME/><INTERNET/><USERID>stpeter@jabber.org</USERID></EMAIL>" },
		{ "<impp><parameters><type><text>work</text></type></parameters><uri>xmpp:psaintan@cisco.com?message</uri></impp>",
		  "<JABBERID>psaintan@cisco.com</JABBERID>" },
		{ "<impp><uri>sip:x@y</uri></impp><impp/>", "" },
		{ "<geo><uri>geo:39.59,-105.01,12;u=3</uri></geo>", "<GEO><LAT>39.59</LAT><LON>-105.01</LON></GEO>" },
		{ "<org><parameters><type><text>work</text></type></parameters><text>XMPP Standards Foundation</text><text>Council</text></org>",
		  "<ORG><ORGNAME>XMPP Standards Foundation</ORGNAME><ORGUNIT>Council</ORGUNIT></ORG>" },
		{ "<url><uri>https://stpeter.im/</uri></url>", "<URL>https://stpeter.im/</URL>" },
		{ "<note><text> My co-author. She's cool! </text></note>", "<DESC> My co-author. She's cool! </DESC>" },
		{ "<categories><text>a</text><text>b</text></categories>",
		  "<CATEGORIES><KEYWORD>a</KEYWORD><KEYWORD>b</KEYWORD></CATEGORIES>" },
		{ "<key><uri>https://stpeter.im/stpeter.asc</uri></key>", "<KEY><CRED>https://stpeter.im/stpeter.asc</CRED></KEY>" },
		{ "<gender><sex><text>M</text></sex></gender><lang><language-tag>en</language-tag></lang>", "" },
		{ "<group name='contact'><tel><text>1</text></tel></group>", "<TEL><NUMBER>1</NUMBER></TEL>" },
		{ "<group name='a'><group name='b'><tel><text>1</text></tel></group></group>", "" },
		{ "<fn/><n/><tel/><geo/><photo/>",
		  "<FN/><N/><TEL><NUMBER/></TEL><GEO><LAT/><LON/></GEO><PHOTO><EXTVAL/></PHOTO>" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i][0], rows[i][1], false);
}

/* The example of XEP-0292 7 (its picture shortened), to the new form and back. */
static void a_whole_card_comes_back_as_it_was(void **state)
{
	static const char card[] =
		"<vCard xmlns='vcard-temp'><FN>Peter Saint-Andre</FN><N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN><MIDDLE/></N>"
		"<NICKNAME>stpeter</NICKNAME><PHOTO><EXTVAL>http://stpeter.im/images/stpeter_oscon.jpg</EXTVAL></PHOTO>"
		"<BDAY>1966-08-06</BDAY><ADR><HOME/><EXTADD/><STREET/><LOCALITY>Parker</LOCALITY><REGION>CO</REGION>"
		"<PCODE>80138</PCODE><CTRY>USA</CTRY></ADR><TEL><WORK/><FAX/><NUMBER>+1-303-308-3219</NUMBER></TEL>"
		"<EMAIL><WORK/><INTERNET/><USERID>psaintan@cisco.com</USERID></EMAIL><JABBERID>stpeter@jabber.org</JABBERID>"
		"<TZ>America/Denver</TZ><GEO><LAT>39.59</LAT><LON>-105.01</LON></GEO><TITLE>Executive Director</TITLE>"
		"<LOGO><TYPE>image/jpeg</TYPE><BINVAL>/9j/4AAQSkZJRgAB</BINVAL></LOGO><ORG><ORGNAME>XMPP Standards Foundation</ORGNAME>"
		"</ORG><URL>https://stpeter.im/</URL><DESC>More on my website: https://stpeter.im/</DESC></vCard>";
	char *v4 = converted(card, true), *back = converted(v4, false);

	(void)state;
	assert_string_equal(back, card);
	free(v4);
	free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_property_becomes_its_new_form),
		cmocka_unit_test(each_property_becomes_its_old_form),
		cmocka_unit_test(a_whole_card_comes_back_as_it_was),
	};
	int failed;

	pool = xml_pool_new();
	builder = builder_new();
	failed = RUN(tests);
	builder_free(builder);
	xml_pool_free(pool);
	return failed;
}

/* The exchange as a whole, PLAIN, ANONYMOUS and base64. SCRAM has a file of its own. */
#include "tests/support/check.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xmpp/sasl/sasl.h"

#define ALL ((1u << SASL_NAMES) - 1)
#define S(text) SPAN_LIT(text)

static const struct sasl_context context = { .offered = ALL, .domain = "example.com", .nonce = "server" };

static void names_are_exact(void **state)
{
	static const char *const unknown[] = { "", "plain", "PLAIN ", "SCRAM-SHA-1-plus", "SCRAM-SHA-384", "external", "DIGEST-MD5", "SCRAM" };
	enum sasl_name name;

	(void)state;
	for (int i = 0; i < SASL_NAMES; i++) {
		assert_true(sasl_find(span_of(sasl_text((enum sasl_name)i)), &name));
		assert_int_equal(name, i);
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		assert_false(sasl_find(span_of(unknown[i]), &name));
	assert_false(sasl_find(SPAN_NONE, &name));
}

static void conditions_are_those_of_rfc_6120(void **state)
{
	static const char *const texts[] = { "aborted", "credentials-expired", "encryption-required", "incorrect-encoding", "invalid-authzid",
					     "invalid-mechanism", "malformed-request", "not-authorized", "temporary-auth-failure" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_string_equal(sasl_failure_text((enum sasl_failure)i), texts[i]);
}

static void what_is_not_offered_cannot_be_used(void **state)
{
	(void)state;
	for (int i = 0; i < SASL_NAMES; i++) {
		struct sasl_context c = context;
		struct sasl_exchange x;
		struct buf out = BUF_INIT;

		c.offered = ALL & ~SASL_BIT(i);
		assert_int_equal(sasl_start(&x, (enum sasl_name)i, &c, S("n,,n=alice,r=nonce"), &out), SASL_FAILURE);
		assert_int_equal(x.failure, SASL_FAIL_INVALID_MECHANISM);
		assert_true(x.over);
		sasl_free(&x);
	}
}

/* --- PLAIN --- */

#define BYTES(text) { (text), sizeof(text) - 1 }

static const struct {
	struct span in;
	enum sasl_step step;
	enum sasl_failure failure;
	const char *user, *password;
} plain[] = {
	{ BYTES("\0alice\0secret"), SASL_PASSWORD, 0, "alice@example.com", "secret" },
	{ BYTES("\0Alice\0secret"), SASL_PASSWORD, 0, "alice@example.com", "secret" },
	{ BYTES("\0alice@example.com\0secret"), SASL_PASSWORD, 0, "alice@example.com", "secret" },
	{ BYTES("\0alice@EXAMPLE.com\0secret"), SASL_PASSWORD, 0, "alice@example.com", "secret" },
	{ BYTES("alice@example.com\0alice\0secret"), SASL_PASSWORD, 0, "alice@example.com", "secret" },
	{ BYTES("ALICE@example.com\0alice\0secret"), SASL_PASSWORD, 0, "alice@example.com", "secret" },
	{ BYTES("\0alice\0 "), SASL_PASSWORD, 0, "alice@example.com", " " },
	{ BYTES("\0alice\0\xc2\xa0x"), SASL_PASSWORD, 0, "alice@example.com", " x" }, /* SASLprep: a no-break space is a space */
	{ BYTES("\0客服\0口令"), SASL_PASSWORD, 0, "客服@example.com", "口令" },
	/* authorization as somebody else */
	{ BYTES("bob@example.com\0alice\0secret"), SASL_FAILURE, SASL_FAIL_INVALID_AUTHZID, NULL, NULL },
	{ BYTES("alice@other.example\0alice\0secret"), SASL_FAILURE, SASL_FAIL_INVALID_AUTHZID, NULL, NULL },
	{ BYTES("alice\0alice\0secret"), SASL_FAILURE, SASL_FAIL_INVALID_AUTHZID, NULL, NULL },
	{ BYTES("alice@example.com/r\0alice\0secret"), SASL_FAILURE, SASL_FAIL_INVALID_AUTHZID, NULL, NULL },
	{ BYTES("@\0alice\0secret"), SASL_FAILURE, SASL_FAIL_INVALID_AUTHZID, NULL, NULL },
	/* no user of this host */
	{ BYTES("\0alice@other.example\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0alice@\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0@example.com\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0alice@example.com/r\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0a@b@example.com\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0a b\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0a/b\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0al\xff" "ce\0secret"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	/* passwords that cannot be */
	{ BYTES("\0alice\0a\x01"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0alice\0\xff"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL },
	{ BYTES("\0alice\0\xc2\xad"), SASL_FAILURE, SASL_FAIL_NOT_AUTHORIZED, NULL, NULL }, /* prepared, nothing is left */
	/* syntax */
	{ BYTES(""), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("alice"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0\0"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0alice"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0alice\0"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0\0secret"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0alice\0sec\0ret"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0alice\0secret\0"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
	{ BYTES("\0\0\0\0"), SASL_FAILURE, SASL_FAIL_MALFORMED_REQUEST, NULL, NULL },
};

/* With an initial response and, the same, after an empty challenge. */
static void plain_messages_are_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(plain); i++) {
		size_t row = i / 2;
		struct buf out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step;

		if (i % 2) {
			assert_int_equal(sasl_start(&x, SASL_PLAIN, &context, SPAN_NONE, &out), SASL_CHALLENGE);
			assert_int_equal(buf_len(&out), 0);
			step = sasl_respond(&x, plain[row].in, &out);
		} else {
			step = sasl_start(&x, SASL_PLAIN, &context, plain[row].in, &out);
		}
		if (step != plain[row].step || (step == SASL_FAILURE && x.failure != plain[row].failure))
			fail_msg("row %zu: step %d, %s", row, step, step == SASL_FAILURE ? sasl_failure_text(x.failure) : "");
		if (step == SASL_PASSWORD) {
			assert_string_equal(x.user->text, plain[row].user);
			assert_string_equal(x.password, plain[row].password);
		} else {
			assert_null(x.password);
		}
		assert_int_equal(buf_len(&out), 0);
		sasl_free(&x);
		sasl_free(&x); /* empty, may be reused */
	}
}

static void long_parts_are_refused_not_cut(void **state)
{
	static const size_t sizes[] = { 1023, 1024, 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (int part = 0; part < 2; part++) { /* name, password */
			size_t n = sizes[i];
			char *text = xmalloc(n + 16), *p = text;
			struct buf out = BUF_INIT;
			struct sasl_exchange x;
			enum sasl_step step;

			*p++ = '\0';
			memset(p, 'a', part == 0 ? n : 1);
			p += part == 0 ? n : 1;
			*p++ = '\0';
			memset(p, 'b', part == 1 ? n : 1);
			p += part == 1 ? n : 1;
			step = sasl_start(&x, SASL_PLAIN, &context, (struct span){ text, (size_t)(p - text) }, &out);
			assert_int_equal(step, n == 1023 ? SASL_PASSWORD : SASL_FAILURE);
			if (step == SASL_FAILURE)
				assert_int_equal(x.failure, SASL_FAIL_NOT_AUTHORIZED);
			sasl_free(&x);
			free(text);
		}
}

static void the_verdict_ends_plain(void **state)
{
	(void)state;
	for (int ok = 0; ok < 2; ok++) {
		struct buf out = BUF_INIT;
		struct sasl_exchange x;

		assert_int_equal(sasl_start(&x, SASL_PLAIN, &context, ((struct span)BYTES("\0alice\0secret")), &out), SASL_PASSWORD);
		free(x.password); /* may be taken */
		x.password = NULL;
		assert_int_equal(sasl_give_verdict(&x, ok), ok ? SASL_SUCCESS : SASL_FAILURE);
		if (!ok)
			assert_int_equal(x.failure, SASL_FAIL_NOT_AUTHORIZED);
		assert_true(x.over);
		assert_string_equal(x.user->text, "alice@example.com");
		sasl_free(&x);
	}
}

/* --- ANONYMOUS --- */

static void anonymous_takes_any_short_trace(void **state)
{
	static char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n < sizeof(text); n += 341) {
		struct buf out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step = sasl_start(&x, SASL_ANONYMOUS, &context, (struct span){ text, n }, &out);

		assert_int_equal(step, n <= 1023 ? SASL_ANONYMOUS_OK : SASL_FAILURE);
		if (step == SASL_FAILURE)
			assert_int_equal(x.failure, SASL_FAIL_MALFORMED_REQUEST);
		assert_null(x.user);
		sasl_free(&x);
		assert_int_equal(sasl_start(&x, SASL_ANONYMOUS, &context, SPAN_NONE, &out), SASL_ANONYMOUS_OK);
		sasl_free(&x);
	}
}

/* --- every call in every state --- */

enum at { AT_CHALLENGE, AT_CREDENTIAL, AT_PASSWORD, AT_ANONYMOUS, AT_SUCCESS, AT_FAILURE, ATS };

static void bring_to(struct sasl_exchange *x, enum at at)
{
	static const struct span message = BYTES("\0alice\0secret");
	struct buf out = BUF_INIT;

	switch (at) {
	case AT_CHALLENGE: assert_int_equal(sasl_start(x, SASL_PLAIN, &context, SPAN_NONE, &out), SASL_CHALLENGE); break;
	case AT_CREDENTIAL:
		assert_int_equal(sasl_start(x, SASL_SCRAM_SHA_1, &context, S("n,,n=alice,r=nonce"), &out), SASL_CREDENTIAL);
		break;
	case AT_PASSWORD: assert_int_equal(sasl_start(x, SASL_PLAIN, &context, message, &out), SASL_PASSWORD); break;
	case AT_ANONYMOUS: assert_int_equal(sasl_start(x, SASL_ANONYMOUS, &context, SPAN_NONE, &out), SASL_ANONYMOUS_OK); break;
	case AT_SUCCESS:
	case AT_FAILURE:
		bring_to(x, AT_PASSWORD);
		(void)sasl_give_verdict(x, at == AT_SUCCESS);
		break;
	case ATS: fail();
	}
}

static void a_response_nobody_asked_for_ends_the_exchange(void **state)
{
	(void)state;
	for (int at = 0; at < ATS; at++) {
		struct buf out = BUF_INIT;
		struct sasl_exchange x;

		bring_to(&x, (enum at)at);
		assert_int_equal(sasl_respond(&x, S("anything"), &out), SASL_FAILURE);
		assert_int_equal(x.failure, SASL_FAIL_MALFORMED_REQUEST);
		assert_int_equal(sasl_respond(&x, SPAN_NONE, &out), SASL_FAILURE);
		assert_true(x.over);
		assert_int_equal(buf_len(&out), 0);
		sasl_free(&x);
	}
}

/* Credentials and verdicts come from our own side: out of turn they are a bug, found at once. */
static void our_own_calls_out_of_turn_abort(void **state)
{
	(void)state;
	for (int at = 0; at < ATS; at++)
		for (int call = 0; call < 2; call++) {
			bool fits = call == 0 ? at == AT_CREDENTIAL : at == AT_PASSWORD;
			int status;
			pid_t child = fork();

			if (child == 0) {
				struct credential c = { 0 };
				struct buf out = BUF_INIT;
				struct sasl_exchange x;

				setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
				if (!freopen("/dev/null", "w", stderr))
					_exit(1);
				bring_to(&x, (enum at)at);
				if (call == 0)
					(void)sasl_give_credential(&x, &c, &out);
				else
					(void)sasl_give_verdict(&x, true);
				_exit(0);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			if (fits ? !WIFEXITED(status) : !WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
				fail_msg("state %d, call %d: %x", at, call, status);
		}
}

static void freeing_is_possible_in_every_state(void **state)
{
	struct sasl_exchange zero, x;

	(void)state;
	memset(&zero, 0, sizeof(zero));
	for (int at = 0; at < ATS; at++) {
		bring_to(&x, (enum at)at);
		sasl_free(&x);
		assert_null(x.user);
		assert_null(x.password);
		assert_null(x.state);
	}
	sasl_free(&zero);
}

/* --- base64 --- */

static void base64_has_one_spelling(void **state)
{
	static const struct {
		const char *text, *bytes; /* NULL = refused */
	} rows[] = {
		{ "", "" }, { "=", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmFy", "foobar" }, { "+/+/", "\xfb\xff\xbf" },
		{ "Zg", NULL }, { "Zg=", NULL }, { "Zm8", NULL }, { "Z", NULL }, { "Zm9vYg", NULL }, { "==", NULL },
		{ "===", NULL }, { "====", NULL },
		{ "Zg===", NULL }, { "Z===", NULL }, { "Zm9v=", NULL }, { "Zm9v====", NULL }, { "Zg==Zg==", NULL },
		{ "Zm8=Zm8=", NULL }, { "Z=g=", NULL },
		{ "=Zg=", NULL }, { " Zg==", NULL }, { "Zg== ", NULL }, { "Zg\n==", NULL }, { "Zm9v\n", NULL },
		{ "Zm9v\r\n\r\n", NULL },
		{ "Zm 9v", NULL }, { "Z-_v", NULL }, { "Zm9*", NULL }, { "Zm9\xc3", NULL }, { "Zh==", NULL },
		{ "Zm9=", NULL }, { "/x==", NULL },
		{ "Zm\tv", NULL }, { "Zm9.", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_INIT;
		bool ok = sasl_decode(span_of(rows[i].text), &out);

		if (ok != (rows[i].bytes != NULL) || (ok && !span_is(buf_span(&out), rows[i].bytes)))
			fail_msg("'%s': %d", rows[i].text, ok);
		buf_fini(&out);
	}
	assert_false(sasl_decode((struct span){ "Zm9\0", 4 }, &(struct buf){ 0 }));
}

static void what_is_encoded_decodes(void **state)
{
	(void)state;
	for (size_t n = 0; n < 70; n++) {
		char bytes[70];
		struct buf text = BUF_INIT, again = BUF_INIT;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(i * 41 + n * 3 - 9);
		sasl_encode((struct span){ bytes, n }, &text);
		assert_int_equal(buf_len(&text), (n + 2) / 3 * 4);
		assert_true(sasl_decode(buf_span(&text), &again));
		assert_true(span_eq(buf_span(&again), (struct span){ bytes, n }));
		buf_fini(&text);
		buf_fini(&again);
	}
}

static void external_takes_what_the_certificate_says(void **state)
{
	static const struct {
		struct span names;
		const char *said, *user; /* said NULL = nothing: an empty response follows the challenge */
		enum sasl_failure failure;
	} rows[] = {
		{ { "alice@example.com", 18 }, NULL, "alice@example.com", 0 },
		{ { "alice@example.com", 18 }, "", "alice@example.com", 0 },
		{ { "Alice@EXAMPLE.com", 18 }, "", "alice@example.com", 0 },
		{ { "alice@example.com", 18 }, "ALICE@example.com", "alice@example.com", 0 },
		{ { "alice@example.com\0alice@example.com", 36 }, "", "alice@example.com", 0 },
		{ { "carol@other.example\0alice@example.com", 38 }, "", "alice@example.com", 0 },
		{ { "alice@example.com\0bob@example.com", 34 }, "", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ { "alice@example.com\0bob@example.com", 34 }, "bob@example.com", "bob@example.com", 0 },
		{ { "alice@example.com", 18 }, "bob@example.com", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ { "alice@example.com", 18 }, "alice", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ { "alice@example.com", 18 }, "alice@example.com/desk", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ { "carol@other.example", 20 }, "carol@other.example", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ { "carol@other.example", 20 }, "", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ { "", 0 }, "", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ { "", 0 }, "alice@example.com", NULL, SASL_FAIL_INVALID_AUTHZID },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sasl_context certain = { .offered = SASL_BIT(SASL_EXTERNAL), .domain = "example.com", .certified = rows[i].names };
		struct buf out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step = sasl_start(&x, SASL_EXTERNAL, &certain, rows[i].said ? span_of(rows[i].said) : SPAN_NONE, &out);

		if (!rows[i].said) {
			assert_int_equal(step, SASL_CHALLENGE);
			step = sasl_respond(&x, SPAN_LIT(""), &out);
		}
		assert_int_equal(buf_len(&out), 0);
		if (!rows[i].user && (step != SASL_FAILURE || x.failure != rows[i].failure))
			fail_msg("row %zu: step %d, %s", i, step, sasl_failure_text(x.failure));
		if (rows[i].user) {
			if (step != SASL_CERTIFIED)
				fail_msg("row %zu: step %d, %s", i, step, sasl_failure_text(x.failure));
			assert_string_equal(x.user->text, rows[i].user);
			assert_int_equal(sasl_give_verdict(&x, i % 2), i % 2 ? SASL_SUCCESS : SASL_FAILURE);
		}
		sasl_free(&x);
	}
	assert_true(sasl_external_fits(S("carol@other.example\0alice@example.com\0"), "example.com"));
	assert_false(sasl_external_fits(S("carol@other.example\0example.com\0alice@example.com/desk\0@\0"), "example.com"));
	assert_false(sasl_external_fits(SPAN_NONE, "example.com"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(external_takes_what_the_certificate_says),
		cmocka_unit_test(names_are_exact),
		cmocka_unit_test(conditions_are_those_of_rfc_6120),
		cmocka_unit_test(what_is_not_offered_cannot_be_used),
		cmocka_unit_test(plain_messages_are_read_or_refused),
		cmocka_unit_test(long_parts_are_refused_not_cut),
		cmocka_unit_test(the_verdict_ends_plain),
		cmocka_unit_test(anonymous_takes_any_short_trace),
		cmocka_unit_test(a_response_nobody_asked_for_ends_the_exchange),
		cmocka_unit_test(our_own_calls_out_of_turn_abort),
		cmocka_unit_test(freeing_is_possible_in_every_state),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(what_is_encoded_decodes),
	};

	return RUN(tests);
}

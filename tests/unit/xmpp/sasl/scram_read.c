/* SCRAM messages of clients, well-formed and not (RFC 5802 7): what is taken, and which failure the rest gets. */
#include "scram_client.h"

/* The client says "n" first, and "y" or a binding in the second message. */
static void the_header_of_the_second_message_must_be_that_of_the_first(void **state)
{
	static const char *const headers[] = { "y,,", "p=tls-exporter,,", "n,a=alice@example.com,", "n,", "n,,x", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct client c = { .name = SASL_SCRAM_SHA_256, .header = headers[i], .user = "alice", .password = "pencil" };
		struct sasl_context context = no_binding();
		struct buf out = BUF_INIT;
		struct credential keys;
		struct sasl_exchange x;

		credential_derive(&keys, S("pencil"), ROUNDS, salts);
		assert_int_equal(sasl_start(&x, c.name, &context, S("n,,n=alice,r=clientnonce"), &out), SASL_CREDENTIAL);
		assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
		buf_add(&out, "", 1);
		make_final(&c, (struct span){ out.base + out.start, buf_len(&out) - 1 }, "");
		buf_clear(&out);
		expect_failure(&x, sasl_respond(&x, buf_span(&c.final), &out), SASL_FAIL_NOT_AUTHORIZED, headers[i]);
		sasl_free(&x);
		buf_fini(&out);
		client_fini(&c);
	}
}

static void first_messages_are_read_or_refused(void **state)
{
	static const struct {
		const char *text, *user;
		enum sasl_failure failure;
	} rows[] = {
		{ "n,,n=alice,r=x", "alice@example.com", 0 },
		{ "n,,n=alice,r=x,ext=1", "alice@example.com", 0 },
		{ "n,,n=alice@example.com,r=x", "alice@example.com", 0 },
		{ "n,,n=al=3Dice,r=x", "al=ice@example.com", 0 },
		{ "n,,n=al=2Cice,r=x", "al,ice@example.com", 0 },
		{ "n,,n=客服,r=!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~", "客服@example.com", 0 },
		{ "n,a=alice@example.com,n=alice,r=x", "alice@example.com", 0 },
		{ "n,a=,n=alice,r=x", "alice@example.com", 0 },
		{ "n,a=al=3Dice@example.com,n=al=3Dice,r=x", "al=ice@example.com", 0 },
		{ "n,a=bob@example.com,n=alice,r=x", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ "n,a=alice,n=alice,r=x", NULL, SASL_FAIL_INVALID_AUTHZID },
		{ "n,,n=alice@other.example,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=a\x01,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=\xff,r=x", NULL, SASL_FAIL_NOT_AUTHORIZED },
		{ "n,,n=al=2cice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=al=,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=al=2,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=al=41,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,a==,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,b=alice,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,alice,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,m=ext,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,r=x,n=alice", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=a b", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=a\x7f", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=\xc3\xa9", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,N=alice,R=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n:alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n=alice,r=x", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "n", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ ",,,,", NULL, SASL_FAIL_MALFORMED_REQUEST },
		{ "", NULL, SASL_FAIL_MALFORMED_REQUEST },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		size_t row = i / 2;
		struct sasl_context context = no_binding();
		struct buf out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step;

		if (i % 2) { /* the same after an empty challenge */
			assert_int_equal(sasl_start(&x, SASL_SCRAM_SHA_1, &context, SPAN_NONE, &out), SASL_CHALLENGE);
			step = sasl_respond(&x, span_of(rows[row].text), &out);
		} else {
			step = sasl_start(&x, SASL_SCRAM_SHA_1, &context, span_of(rows[row].text), &out);
		}
		if (!rows[row].user) {
			expect_failure(&x, step, rows[row].failure, rows[row].text);
		} else {
			if (step != SASL_CREDENTIAL)
				fail_msg("'%s': %s", rows[row].text, sasl_failure_text(x.failure));
			assert_string_equal(x.user->text, rows[row].user);
		}
		assert_int_equal(buf_len(&out), 0);
		sasl_free(&x);
	}
}

static void a_nonce_of_the_client_is_bounded(void **state)
{
	(void)state;
	for (size_t n = 511; n <= 513; n++) {
		struct sasl_context context = no_binding();
		struct buf first = BUF_INIT, out = BUF_INIT;
		struct sasl_exchange x;
		enum sasl_step step;

		buf_add_text(&first, "n,,n=alice,r=");
		for (size_t i = 0; i < n; i++)
			buf_add_text(&first, "x");
		step = sasl_start(&x, SASL_SCRAM_SHA_1, &context, buf_span(&first), &out);
		assert_int_equal(step, n <= 512 ? SASL_CREDENTIAL : SASL_FAILURE);
		sasl_free(&x);
		buf_fini(&first);
	}
}

/* The second message with its parts changed; %s is a right proof, %r our nonces. */
static void second_messages_are_read_or_refused(void **state)
{
	static const struct {
		const char *form;
		enum sasl_failure failure;
	} rows[] = {
		{ "c=biws,r=%r,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=clientnonce,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=%rx,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=x%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c==,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biw,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=eSws,r=%r,p=%s", SASL_FAIL_NOT_AUTHORIZED },
		{ "c=biws,r=%r", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p==", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=AAAA", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=%s=", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=%s,", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,p=%s,x=1", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,p=%s,r=%r", SASL_FAIL_MALFORMED_REQUEST },
		{ "r=%r,c=biws,p=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ "c=biws,r=%r,P=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ "biws,r=%r,p=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ "p=%s", SASL_FAIL_MALFORMED_REQUEST },
		{ ",,,", SASL_FAIL_MALFORMED_REQUEST },
		{ "", SASL_FAIL_MALFORMED_REQUEST },
		{ "n,,n=alice,r=clientnonce", SASL_FAIL_MALFORMED_REQUEST }, /* the first one again */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client c = { .name = SASL_SCRAM_SHA_1, .header = "n,,", .user = "alice", .password = "pencil" };
		struct sasl_context context = no_binding();
		struct buf out = BUF_INIT, message = BUF_INIT;
		struct credential keys;
		struct sasl_exchange x;

		credential_derive(&keys, S("pencil"), ROUNDS, salts);
		assert_int_equal(sasl_start(&x, c.name, &context, S("n,,n=alice,r=clientnonce"), &out), SASL_CREDENTIAL);
		assert_int_equal(sasl_give_credential(&x, &keys, &out), SASL_CHALLENGE);
		buf_add(&out, "", 1);
		make_final(&c, (struct span){ out.base + out.start, buf_len(&out) - 1 }, "");
		buf_add(&c.final, "", 1);
		for (size_t k = 0; k < strlen(rows[i].form); k++) {
			const char *p = rows[i].form + k;

			if (strncmp(p, "%r", 2) == 0)
				buf_addf(&message, "clientnonce%s", context.nonce);
			else if (strncmp(p, "%s", 2) == 0)
				buf_add_text(&message, strstr(c.final.base + c.final.start, ",p=") + 3);
			else
				buf_add(&message, p, 1);
			k += *p == '%';
		}
		buf_clear(&out);
		expect_failure(&x, sasl_respond(&x, buf_len(&message) ? buf_span(&message) : SPAN_NONE, &out), rows[i].failure,
			       rows[i].form);
		assert_int_equal(buf_len(&out), 0);
		sasl_free(&x);
		buf_fini(&out);
		buf_fini(&message);
		client_fini(&c);
	}
}

static void extensions_before_the_proof_are_signed_and_ignored(void **state)
{
	struct client c = { .name = SASL_SCRAM_SHA_256, .header = "n,,", .user = "alice", .password = "pencil" };
	struct sasl_context context = no_binding();
	struct sasl_exchange x;

	(void)state;
	assert_int_equal(play(&c, &context, "pencil", ",x=1,y=anything", &x), SASL_SUCCESS);
	sasl_free(&x);
	client_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_of_the_second_message_must_be_that_of_the_first),
		cmocka_unit_test(first_messages_are_read_or_refused),
		cmocka_unit_test(a_nonce_of_the_client_is_bounded),
		cmocka_unit_test(second_messages_are_read_or_refused),
		cmocka_unit_test(extensions_before_the_proof_are_signed_and_ignored),
	};

	return RUN(tests);
}

#include "tests/support/check.h"

#include <zlib.h>

#include "xmpp/compress.h"

#define ROOM 1000

static const struct compress_settings usual = { .window_bits = 13, .memory_level = 5, .ratio = 100, .allowance = 65536 };

/* All of `packed`, appended to out. */
static enum compress_verdict unpack(struct compress *c, struct span packed, struct buf *out)
{
	char room[ROOM];
	size_t used, got;
	enum compress_verdict v;

	do {
		v = compress_unpack(c, packed, &used, room, sizeof(room), &got);
		buf_add(out, room, got);
		packed = (struct span){ packed.p + used, packed.n - used };
	} while (v == COMPRESS_OK && (packed.n || got == sizeof(room)));
	return v;
}

static void what_is_packed_comes_out_at_once(void **state)
{
	struct compress *a = compress_new(&usual), *b = compress_new(&usual);
	struct buf packed = BUF_INIT, plain = BUF_INIT, all = BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct buf text = BUF_INIT;

		buf_addf(&text, "<message id='%u'><body>%*s</body></message>", i, (int)(i * 37 % 3000), "x");
		buf_clear(&packed);
		buf_clear(&plain);
		compress_pack(a, buf_span(&text), &packed);
		assert_int_equal(unpack(b, buf_span(&packed), &plain), COMPRESS_OK);
		assert_true(span_eq(buf_span(&plain), buf_span(&text)));
		buf_fini(&text);
	}
	buf_fini(&packed);
	buf_fini(&plain);
	buf_fini(&all);
	compress_free(a);
	compress_free(b);
}

static void nothing_is_read_ahead_of_its_room(void **state)
{
	struct compress *a = compress_new(&usual), *b = compress_new(&usual);
	struct buf packed = BUF_INIT;
	char text[5000], room[100];
	size_t used, got, total = 0, spent = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	compress_pack(a, (struct span){ text, sizeof(text) }, &packed);
	do {
		assert_int_equal(compress_unpack(b, (struct span){ buf_span(&packed).p + spent, buf_len(&packed) - spent }, &used, room,
						 sizeof(room), &got), COMPRESS_OK);
		spent += used;
		total += got;
	} while (got == sizeof(room));
	assert_int_equal(total, sizeof(text));
	assert_int_equal(spent, buf_len(&packed));
	buf_fini(&packed);
	compress_free(a);
	compress_free(b);
}

static void what_is_no_zlib_is_broken(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ "<stream:stream", 14 },
		{ "\x78\xbb\x00\x00\x00\x01", 6 },                     /* wants a dictionary */
		{ "\x78\x9c\x07", 3 },                                 /* a block type that does not exist */
		{ "\x78\x9c\x03\x00\x00\x00\x00\x02", 8 },             /* the end, with a wrong Adler-32 */
		{ "\x78\x9c\x03\x00\x00\x00\x00\x01" "x", 9 },         /* more behind the end */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct compress *c = compress_new(&usual);
		struct buf out = BUF_INIT;

		if (unpack(c, (struct span){ rows[i].bytes, rows[i].n }, &out) != COMPRESS_BROKEN)
			fail_msg("row %zu", i);
		buf_fini(&out);
		compress_free(c);
	}
}

static struct buf bomb(size_t n)
{
	struct buf out = BUF_INIT;
	uLongf room = compressBound(n);
	char *spaces = malloc(n);

	memset(spaces, ' ', n);
	assert_int_equal(compress2((Bytef *)buf_reserve(&out, room), &room, (const Bytef *)spaces, n, 9), Z_OK);
	buf_commit(&out, room);
	free(spaces);
	return out;
}

static void a_bomb_is_too_dense(void **state)
{
	struct compress *c = compress_new(&usual);
	struct buf packed = bomb(4 << 20), out = BUF_INIT;

	(void)state;
	assert_int_equal(unpack(c, buf_span(&packed), &out), COMPRESS_TOO_DENSE);
	assert_true(buf_len(&out) <= 65536 + 100 * buf_len(&packed) + ROOM);
	buf_fini(&out);
	compress_free(c);
	c = compress_new(&(struct compress_settings){ .window_bits = 9, .memory_level = 1 }); /* no ratio */
	assert_int_equal(unpack(c, buf_span(&packed), &out), COMPRESS_OK);
	assert_int_equal(buf_len(&out), 4 << 20);
	buf_fini(&out);
	buf_fini(&packed);
	compress_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_comes_out_at_once),
		cmocka_unit_test(nothing_is_read_ahead_of_its_room),
		cmocka_unit_test(what_is_no_zlib_is_broken),
		cmocka_unit_test(a_bomb_is_too_dense),
	};

	return RUN(tests);
}

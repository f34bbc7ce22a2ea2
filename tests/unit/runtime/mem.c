#include "tests/support/check.h"

#include "runtime/mem/buf.h"
#include "runtime/mem/map.h"
#include "runtime/mem/wheel.h"

static void a_buffer_keeps_what_is_added_and_not_consumed(void **state)
{
	struct buf b = BUF_INIT;
	char *text;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%03d", i);
	buf_consume(&b, 3 * 997);
	buf_add_text(&b, "!");
	text = buf_take_text(&b);
	assert_string_equal(text, "997998999!");
	free(text);
	assert_null(b.base);
}

static void a_trimmed_buffer_is_as_large_as_what_is_in_it(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_add_text(&b, "abcdef");
	buf_consume(&b, 2);
	buf_trim(&b);
	assert_int_equal(b.size, 4);
	assert_true(span_is(buf_span(&b), "cdef"));
	buf_add_text(&b, "gh");
	assert_true(span_is(buf_span(&b), "cdefgh"));
	buf_clear(&b);
	buf_trim(&b);
	assert_null(b.base);
	buf_trim(&b);
	buf_fini(&b);
}

static void a_buffer_that_was_emptied_holds_no_memory(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_add_text(&b, "abc");
	buf_consume(&b, 3);
	assert_null(b.base);
	assert_int_equal(buf_len(&b), 0);
}

static void count_one(void *ctx, struct span key, void *value)
{
	(void)key;
	(void)value;
	++*(int *)ctx;
}

static void a_map_finds_what_was_put_and_forgets_what_was_removed(void **state)
{
	struct map *m = map_new();
	static int values[5000];
	char key[16];
	int seen = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_null(map_put(m, span_of(key), &values[i]));
	}
	for (int i = 0; i < 5000; i += 2) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_ptr_equal(map_remove(m, span_of(key)), &values[i]);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_ptr_equal(map_find(m, span_of(key)), i % 2 ? (void *)&values[i] : NULL);
	}
	assert_ptr_equal(map_put(m, span_of("key1"), &values[0]), &values[1]);
	map_each(m, count_one, &seen);
	assert_int_equal(seen, 2500);
	assert_int_equal(map_count(m), 2500);
	map_free(m);
}

/* Vectors of the SipHash paper's reference: key 00..0f, input 00 01 02 … */
static void siphash_gives_the_reference_values(void **state)
{
	static const uint64_t want[] = { 0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au };
	const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	char input[64];

	(void)state;
	for (int i = 0; i < 64; i++)
		input[i] = (char)i;
	for (size_t n = 0; n < 3; n++)
		assert_true(map_siphash(key, (struct span){ input, n }) == want[n]);
	assert_true(map_siphash(key, (struct span){ input, 15 }) == 0xa129ca6149be45e5u);
}

#define NODES 400

static uint64_t draw(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

/* Every deadline fires once, not early, at most a tick late, whatever is set, moved and cleared meanwhile. */
/* An attacker who knew the key could fill one chain; the key is drawn by each process (H068). */
static void keys_that_collide_under_one_key_spread_under_another(void **state)
{
	enum { CHAINS = 256, WANTED = 400 };
	static const uint64_t known[2] = { 1, 2 }, drawn[2] = { 3, 4 };
	unsigned chains[CHAINS] = { 0 }, longest = 0, found = 0;
	char text[16];

	(void)state;
	for (unsigned i = 0; found < WANTED; i++) {
		int n = snprintf(text, sizeof(text), "n%u", i);
		struct span name = { text, (size_t)n };

		if (map_siphash(known, name) % CHAINS)
			continue;
		found++;
		if (++chains[map_siphash(drawn, name) % CHAINS] > longest)
			longest = chains[map_siphash(drawn, name) % CHAINS];
	}
	assert_true(longest < 20);
}

static void a_wheel_agrees_with_a_plain_list(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		static struct wheel_node nodes[NODES];
		static uint64_t due[NODES];
		uint64_t s = seed, now = 1000 + seed * 977;
		struct wheel *w = wheel_new(now, 10);
		struct wheel_node *n;

		for (int i = 0; i < NODES; i++) {
			wheel_node_init(&nodes[i]);
			due[i] = 0;
		}
		for (int round = 0; round < 3000; round++) {
			size_t i = draw(&s) % NODES;
			uint64_t span = (uint64_t)1 << (draw(&s) % 24);

			if (draw(&s) % 8 == 0) {
				wheel_clear(w, &nodes[i]);
				due[i] = 0;
			} else {
				due[i] = now + draw(&s) % span;
				wheel_set(w, &nodes[i], due[i]);
			}
			now += draw(&s) % (round % 100 == 0 ? 2000000 : 50);
			while ((n = wheel_pop(w, now))) {
				i = (size_t)(n - nodes);
				assert_true(due[i] != 0 && due[i] <= now);
				due[i] = 0;
			}
			for (i = 0; i < NODES; i++)
				assert_true(due[i] == 0 || due[i] + 10 > now);
		}
		wheel_free(w);
	}
}

static void a_wheel_never_sleeps_past_a_deadline(void **state)
{
	struct wheel *w = wheel_new(0, 5);
	struct wheel_node n;
	uint64_t now = 0, wakes = 0;

	(void)state;
	wheel_node_init(&n);
	wheel_set(w, &n, 3600 * 1000);
	while (!wheel_pop(w, now)) {
		uint64_t next = wheel_next_ms(w);

		assert_true(next > now && next <= 3600 * 1000);
		now = next;
		wakes++;
	}
	assert_true(now == 3600 * 1000 && wakes < 20000);
	assert_true(wheel_next_ms(w) == UINT64_MAX);
	wheel_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_keeps_what_is_added_and_not_consumed),
		cmocka_unit_test(a_trimmed_buffer_is_as_large_as_what_is_in_it),
		cmocka_unit_test(a_buffer_that_was_emptied_holds_no_memory),
		cmocka_unit_test(a_map_finds_what_was_put_and_forgets_what_was_removed),
		cmocka_unit_test(siphash_gives_the_reference_values),
		cmocka_unit_test(keys_that_collide_under_one_key_spread_under_another),
		cmocka_unit_test(a_wheel_agrees_with_a_plain_list),
		cmocka_unit_test(a_wheel_never_sleeps_past_a_deadline),
	};

	return RUN(tests);
}

/* Small decoders are exact: what one accepts, its encoder writes back as it was; what an encoder writes is accepted. Base64,
 * stamps, stored passwords, addresses. */
#include <stdlib.h>

#include "runtime/io/address.h"
#include "xmpp/datetime.h"
#include "xmpp/sasl/sasl.h"

static void check_base64(struct span text)
{
	struct buf bytes = BUF_INIT, again = BUF_INIT;

	if (sasl_decode(text, &bytes) && !span_is(text, "=")) {
		sasl_encode(buf_span(&bytes), &again);
		ASSERT(span_eq(buf_span(&again), text) || (buf_len(&bytes) == 0 && text.n == 0));
	}
	buf_clear(&bytes);
	buf_clear(&again);
	sasl_encode(text, &again);
	ASSERT(sasl_decode(buf_span(&again), &bytes) && span_eq(buf_span(&bytes), text));
	buf_fini(&bytes);
	buf_fini(&again);
}

static void check_stamp(struct span text)
{
	uint64_t us, again;
	char written[DATETIME_MAX];

	if (!datetime_parse(text, &us))
		return;
	datetime_text(us, written);
	ASSERT(datetime_parse(span_of(written), &again) && again / 1000 == us / 1000);
}

static void check_credential(struct span text)
{
	struct credential c, d;
	struct buf once = BUF_INIT, twice = BUF_INIT;

	if (credential_decode(&c, text)) {
		credential_encode(&c, &once);
		ASSERT(credential_decode(&d, buf_span(&once)));
		credential_encode(&d, &twice);
		ASSERT(span_eq(buf_span(&once), buf_span(&twice)));
	}
	buf_fini(&once);
	buf_fini(&twice);
}

static void check_address(struct span text)
{
	struct address a, b;
	struct address_block block;
	char written[ADDRESS_TEXT_MAX];

	if (address_parse(text, &a)) {
		address_text(&a, written);
		ASSERT(address_parse(span_of(written), &b) && memcmp(a.ip, b.ip, sizeof(a.ip)) == 0);
	}
	if (address_block_parse(text, &block))
		ASSERT(block.bits <= 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *own = memcpy(xmalloc(size ? size : 1), data, size); /* of its own size, so that reading past it is seen */
	struct span text = { own, size };

	check_base64(text);
	check_stamp(text);
	check_credential(text);
	check_address(text);
	free(own);
	return 0;
}

/* dict config: Any bytes are a property file. */
#include <stdlib.h>

#include "conf/properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1); /* of its own size, so that reading past it is seen */
	struct properties p;

	memcpy(copy, data, size);
	properties_parse((struct span){ copy, size }, &p);
	for (size_t i = 0; i < p.count; i++)
		ASSERT(p.items[i].key && p.items[i].value);
	properties_free(&p);
	free(copy);
	return 0;
}

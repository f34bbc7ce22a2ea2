set(EXTENSION_SOURCES
	extension/load.c extension/setup.c extension/stanza.c extension/passage.c extension/plugin.c extension/component.c)

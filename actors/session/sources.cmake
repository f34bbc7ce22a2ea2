# A plugin is one file in session/xep: it needs no line here.
file(GLOB SESSION_SOURCES RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS session/*.c session/xep/*.c)

# Pure rules, and the session shards alone: simulated engine, a store in memory, probe actors around (unit/actors/session/world).
# Each file of the two folders is a test; it needs no line here.
file(GLOB rules RELATIVE ${CMAKE_CURRENT_LIST_DIR} CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/xmpp/rules/*.c)
foreach(file ${rules})
	string(REPLACE .c "" name ${file})
	unit_test(${name} xmpp)
endforeach()
add_library(session_world STATIC ${CMAKE_CURRENT_LIST_DIR}/actors/session/world.c)
target_link_libraries(session_world PUBLIC actors PkgConfig::CMOCKA)
file(GLOB tests RELATIVE ${CMAKE_CURRENT_LIST_DIR} CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/actors/session/*.c)
list(REMOVE_ITEM tests actors/session/world.c)
foreach(file ${tests})
	string(REPLACE .c "" name ${file})
	unit_test(${name} session_world)
endforeach()
# fanout counts what is asked of the heap, and the bodies that are made
foreach(function xmalloc xcalloc xrealloc builder_finish)
	target_link_options(actors_session_fanout PRIVATE -Wl,--wrap=${function})
endforeach()

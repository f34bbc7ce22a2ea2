# Rules of rosters and delivery, and the session shards alone: simulated engine, a store in memory, probe actors around
# (unit/actors/session/world).
unit_test(xmpp/rules/delivery xmpp)
unit_test(xmpp/rules/carbon xmpp)
unit_test(xmpp/rules/roster xmpp)
unit_test(xmpp/rules/roster_list xmpp)
add_library(session_world STATIC ${CMAKE_CURRENT_LIST_DIR}/actors/session/world.c)
target_link_libraries(session_world PUBLIC actors PkgConfig::CMOCKA)
foreach(test shard user custody resent pipeline sanitise messages offline iq roster subscription presence desk order limits kept)
foreach(test shard user custody resent pipeline sanitise messages offline iq roster subscription presence desk order limits
	carbons)
foreach(test shard user custody resent pipeline sanitise messages offline iq roster subscription presence desk order limits kept last)
	unit_test(actors/session/${test} session_world)
endforeach()
# counts what is asked of the heap, and the bodies that are made
unit_test(actors/session/fanout session_world)
foreach(function xmalloc xcalloc xrealloc builder_finish)
	target_link_options(actors_session_fanout PRIVATE -Wl,--wrap=${function})
endforeach()

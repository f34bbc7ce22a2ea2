# The simulator's own parts: the verifier on histories made by hand, the virtual disk under the contract of all stores.
foreach(test trace rules store scan)
	unit_test(sim/${test} sim_world)
endforeach()
target_sources(sim_store PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/store_suite.c ${CMAKE_SOURCE_DIR}/tests/support/store_random.c)

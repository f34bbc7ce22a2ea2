unit_test(storage/memory storage)
unit_test(storage/sqlite storage)
unit_test(storage/durability storage)
unit_test(storage/power storage)
foreach(target storage_memory storage_sqlite storage_durability storage_power)
	target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/store_suite.c
		${CMAKE_SOURCE_DIR}/tests/support/store_random.c)
endforeach()

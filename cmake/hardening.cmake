# Compiler and linker flags that make mistakes harder to use. Each is probed: a compiler that does not know one builds
# without it. What each costs, and which were left out: docs/decisions/0008-hardening-flags.md.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

option(ZERO_REGISTERS "clear the registers a function used before it returns (about 5 % of the instructions)" OFF)

# add_flags_if_known(FLAG…): each one that this compiler takes.
function(add_flags_if_known)
	foreach(flag ${ARGN})
		string(MAKE_C_IDENTIFIER "HAVE${flag}" known)
		check_c_compiler_flag(${flag} ${known})
		if(${known})
			add_compile_options(${flag})
		endif()
	endforeach()
endfunction()

function(add_link_flags_if_known)
	foreach(flag ${ARGN})
		string(MAKE_C_IDENTIFIER "HAVE${flag}" known)
		check_linker_flag(C ${flag} ${known})
		if(${known})
			add_link_options(${flag})
		endif()
	endforeach()
endfunction()

add_flags_if_known(-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wmissing-prototypes -Wstrict-prototypes
	-Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla -Walloca -Wimplicit-fallthrough
	-Wnull-dereference)
# Correct in every build: what the code relies on, and frame pointers for the stacks of perf and the watchdog.
add_flags_if_known(-fno-omit-frame-pointer -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-common
	-fstack-protector-strong)

# Sanitizers bring their own checks, and do not go with the rest.
if(NOT SANITIZE)
	set(CMAKE_REQUIRED_LINK_OPTIONS -pie)
	add_link_options(-pie)
	add_link_flags_if_known(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed)
	unset(CMAKE_REQUIRED_LINK_OPTIONS)
	if(CMAKE_BUILD_TYPE STREQUAL "Release")
		add_flags_if_known(-fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero
			-fstrict-flex-arrays=3)
		if(ZERO_REGISTERS)
			add_flags_if_known(-fzero-call-used-regs=used-gpr)
		endif()
		# Level 3 needs a compiler that can follow sizes (gcc 12); an older one takes it for 2.
		add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
	endif()
endif()

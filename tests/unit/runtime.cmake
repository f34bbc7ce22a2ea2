unit_test(runtime/mem runtime)
unit_test(runtime/engine runtime)
unit_test(runtime/process/notify runtime)
unit_test(runtime/process/sandbox runtime)

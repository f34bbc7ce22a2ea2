unit_test(actors/store actors)
unit_test(actors/auth actors)
unit_test(actors/cookie actors)
unit_test(actors/account actors)

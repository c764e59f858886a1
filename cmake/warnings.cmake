# Warnings are errors for gcc and clang; sanitizers by option.
function(duet_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Werror -fno-math-errno -fno-trapping-math
                         $<$<CONFIG:Release>:-O3> -ffp-contract=off)
  if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -Wno-pass-failed)
  endif()
  if(DUET_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${DUET_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    target_link_options(${target} PUBLIC -fsanitize=${DUET_SANITIZE})
  endif()
  if(DUET_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link) # counts edges
  endif()
endfunction()

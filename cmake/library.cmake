# The library twice from the same objects: static, which the program, the tests and the benches use, and shared. Objects are
# position-independent and compiled once; nothing may replace a function of the library from outside (no semantic interposition), so
# calls inside it are direct in both. The shared library exports what the public headers declare (tools/exports.sh). Before 1.0 the
# minor version is the ABI's: soname libduet.so.0.2 (docs/release.md).
set(DUET_ABI ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

function(duet_position_independent target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE -fno-semantic-interposition)
endfunction()

# Targets duet (static) and duet-shared of the files `sources` and the object sets DUET_KERNEL_SETS.
function(duet_library sources)
  add_library(duet-objects OBJECT ${sources})
  duet_position_independent(duet-objects)
  target_include_directories(duet-objects PRIVATE include src)
  target_compile_definitions(duet-objects PRIVATE _GNU_SOURCE)
  duet_warnings(duet-objects)
  duet_dependencies(duet-objects)
  set(objects "")
  foreach(set duet-objects ${DUET_KERNEL_SETS})
    list(APPEND objects $<TARGET_OBJECTS:${set}>)
  endforeach()

  add_library(duet STATIC ${objects})
  add_library(duet-shared SHARED ${objects})
  foreach(library duet duet-shared)
    set_target_properties(${library} PROPERTIES OUTPUT_NAME duet LINKER_LANGUAGE C)
    target_include_directories(${library} PUBLIC include)
    duet_dependencies(${library})
    if(DUET_SANITIZE)
      target_link_options(${library} PUBLIC -fsanitize=${DUET_SANITIZE})
    endif()
  endforeach()

  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/include/duet/*.h)
  set(map ${CMAKE_BINARY_DIR}/libduet.map)
  add_custom_command(OUTPUT ${map} COMMAND sh ${CMAKE_SOURCE_DIR}/tools/exports.sh ${DUET_ABI} ${headers} > ${map}
                     DEPENDS ${CMAKE_SOURCE_DIR}/tools/exports.sh ${headers} VERBATIM)
  add_custom_target(duet-map DEPENDS ${map})
  add_dependencies(duet-shared duet-map)
  set_target_properties(duet-shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${DUET_ABI} INSTALL_RPATH_USE_LINK_PATH ON
                        LINK_DEPENDS ${map})
  target_link_options(duet-shared PRIVATE -Wl,--version-script=${map})
  if(NOT DUET_SANITIZE) # a sanitizer's functions are in the program that loads the library
    target_link_options(duet-shared PRIVATE -Wl,--no-undefined)
  endif()
endfunction()

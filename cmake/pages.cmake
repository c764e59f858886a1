# What is written from tables and headers at build time and installed: manual pages and completion by the program itself
# (duet help --man, --completion), the API reference from the public headers (tools/api.awk). Where the program cannot run because it is
# compiled for another machine, there are no pages.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  return()
endif()
duet_members(${CMAKE_SOURCE_DIR}/src/cli/cmd/cmd.def commands)
set(man ${CMAKE_BINARY_DIR}/man)
file(MAKE_DIRECTORY ${man})
set(DUET_MAN_PAGES ${man}/duet.1)
set(writes COMMAND duet-cli help --man > ${man}/duet.1)
foreach(command ${commands})
  list(APPEND DUET_MAN_PAGES ${man}/duet-${command}.1)
  list(APPEND writes COMMAND duet-cli help --man ${command} > ${man}/duet-${command}.1)
endforeach()
set(DUET_COMPLETION ${CMAKE_BINARY_DIR}/completion/duet)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/completion)
add_custom_command(OUTPUT ${DUET_MAN_PAGES} ${DUET_COMPLETION} ${writes} COMMAND duet-cli help --completion > ${DUET_COMPLETION}
                   DEPENDS duet-cli COMMENT "Writing the manual pages" VERBATIM)

file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/include/duet/*.h)
set(DUET_API_PAGE ${CMAKE_BINARY_DIR}/api.html)
add_custom_command(OUTPUT ${DUET_API_PAGE}
                   COMMAND awk -v version=${PROJECT_VERSION} -f ${CMAKE_SOURCE_DIR}/tools/api.awk ${headers} > ${DUET_API_PAGE}
                   DEPENDS ${CMAKE_SOURCE_DIR}/tools/api.awk ${headers} COMMENT "Writing the API reference" VERBATIM)
add_custom_target(duet-pages ALL DEPENDS ${DUET_MAN_PAGES} ${DUET_COMPLETION} ${DUET_API_PAGE})

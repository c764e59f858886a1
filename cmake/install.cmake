# cmake --install FOLDER --prefix PREFIX: bin/duet, lib/libduet.a, lib/libduet.so and its versions,
# lib/pkgconfig/duet.pc, include/duet.h and include/duet, share/man/man1,
# share/doc/duet/api.html, share/bash-completion/completions/duet, share/duet/models (for --init auto).
# duet.pc finds its prefix from its own place, so the tree may be moved.
# What the static library needs, by path: another compiler can link it too, and pkg-config --static does not ask for the static
# libraries behind these, which need not be installed.
set(DUET_PC_LIBS ${JANSSON_LINK_LIBRARIES} ${ARCHIVE_LINK_LIBRARIES} ${ZIP_LINK_LIBRARIES} ${WEBP_LINK_LIBRARIES}
    ${UTF8PROC_LINK_LIBRARIES} ${JPEG_LIBRARIES} ${PNG_LIBRARIES} ${ZLIB_LIBRARIES} ${DNNL_LIBRARY} ${OPENBLAS_LIBRARY} ${LAPACKE_LIBRARY} ${OpenMP_C_LIBRARIES})
list(REMOVE_DUPLICATES DUET_PC_LIBS)
list(JOIN DUET_PC_LIBS " " DUET_PC_LIBS)
configure_file(${CMAKE_CURRENT_LIST_DIR}/duet.pc.in ${CMAKE_BINARY_DIR}/duet.pc @ONLY)
install(TARGETS duet-cli RUNTIME DESTINATION bin)
install(TARGETS duet duet-shared ARCHIVE DESTINATION lib LIBRARY DESTINATION lib)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/ DESTINATION include FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/duet.pc DESTINATION lib/pkgconfig)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/models/ DESTINATION share/duet/models FILES_MATCHING PATTERN "*.safetensors" PATTERN judges EXCLUDE)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/duet)
if(DUET_MAN_PAGES)
  install(FILES ${DUET_MAN_PAGES} DESTINATION share/man/man1)
  install(FILES ${DUET_COMPLETION} DESTINATION share/bash-completion/completions)
  install(FILES ${DUET_API_PAGE} DESTINATION share/doc/duet)
endif()

# One well-kept library a job outside the core (docs/map.md lists them with their Debian packages).
find_package(PkgConfig REQUIRED)
find_package(OpenMP REQUIRED)
find_package(Threads REQUIRED)
# Without OpenMP the pragmas are left out, except that loops stay vectorised; the library stays, because oneDNN and OpenBLAS
# take their number of threads from it.
set(DUET_OPENMP_OPTIONS -fopenmp)
if(NOT DUET_OPENMP)
  set(DUET_OPENMP_OPTIONS -fopenmp-simd -Wno-unknown-pragmas)
  set_target_properties(OpenMP::OpenMP_C PROPERTIES INTERFACE_COMPILE_OPTIONS "${DUET_OPENMP_OPTIONS};-Wno-unused-parameter")
endif()
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(ZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(MD REQUIRED IMPORTED_TARGET libmd)
pkg_check_modules(CURL REQUIRED libcurl)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
find_path(DNNL_INCLUDE dnnl.h REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
# The OpenMP flavour of OpenBLAS: with the pthread flavour two thread pools would fight over the cores.
find_library(OPENBLAS_LIBRARY NAMES openblas PATH_SUFFIXES openblas-openmp REQUIRED)
find_library(LAPACKE_LIBRARY lapacke REQUIRED)

function(duet_dependencies target)
  target_include_directories(${target} SYSTEM PRIVATE ${DNNL_INCLUDE})
  target_link_libraries(${target} PUBLIC PkgConfig::JANSSON PRIVATE OpenMP::OpenMP_C Threads::Threads JPEG::JPEG PNG::PNG ZLIB::ZLIB
                        PkgConfig::ARCHIVE PkgConfig::ZIP PkgConfig::WEBP PkgConfig::UTF8PROC ${DNNL_LIBRARY} ${OPENBLAS_LIBRARY}
                        ${LAPACKE_LIBRARY} m)
endfunction()

# engram_add_plugin(<name> SOURCES ... [LIBRARIES ...]) builds <name>.so: C++20, hidden visibility, and a version script
# so that engram_plugin_v1 is the one exported symbol. Works inside the Engram tree and after find_package(Engram).
set(ENGRAM_PLUGIN_MAP "${CMAKE_CURRENT_LIST_DIR}/plugin.map")

function(engram_add_plugin name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_library(${name} MODULE ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE Engram::sdk ${arg_LIBRARIES})
    set_target_properties(${name} PROPERTIES
        PREFIX "" CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF C_STANDARD 11
        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        POSITION_INDEPENDENT_CODE ON LINK_DEPENDS "${ENGRAM_PLUGIN_MAP}")
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
    target_link_options(${name} PRIVATE
        -Wl,--version-script=${ENGRAM_PLUGIN_MAP} -Wl,--exclude-libs,ALL -Wl,-z,now -Wl,-z,relro -Wl,--as-needed)
    # A sanitizer's runtime lives in the executable, so its symbols stay undefined here.
    if(NOT CMAKE_CXX_FLAGS MATCHES "fsanitize")
        target_link_options(${name} PRIVATE -Wl,-z,defs)
    endif()
endfunction()

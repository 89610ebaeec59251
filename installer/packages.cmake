# Packages: `cpack -G TGZ` (runs from any folder, carries its libraries) and `cpack -G DEB` (uses the system's), in the build
# folder. What goes where is said by install components: server and sdk are in both, carried and staged in the TGZ alone,
# system in the DEB alone. Files are stripped; SOURCE_DATE_EPOCH makes a package's times reproducible.
set(CPACK_PACKAGE_NAME engram)
set(CPACK_PACKAGE_VENDOR Engram)
set(CPACK_PACKAGE_CONTACT "The Engram project <engram@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "persistent memory for AI agents")
set(CPACK_PACKAGE_DESCRIPTION "A server that keeps what agents should remember, on one machine, with nothing to configure:
REST, a command line, search by words and vectors, assembled from plugins.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_CURRENT_LIST_DIR}/packages_by_generator.cmake")
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_GENERATOR TGZ DEB)

set(CPACK_ARCHIVE_FILE_NAME "engram-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_ARCHIVE_SERVER_FILE_NAME "${CPACK_ARCHIVE_FILE_NAME}")
set(CPACK_PACKAGE_FILE_NAME "${CPACK_ARCHIVE_FILE_NAME}")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_CURRENT_LIST_DIR}/debian/conffiles;${CMAKE_CURRENT_LIST_DIR}/debian/postinst;${CMAKE_CURRENT_LIST_DIR}/debian/prerm;${CMAKE_CURRENT_LIST_DIR}/debian/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# The manual page and the completions are printed by the program itself, from its table of commands.
if(NOT ENGRAM_SANITIZE)
    set(printed "${PROJECT_BINARY_DIR}/printed")
    file(MAKE_DIRECTORY "${printed}")
    add_custom_command(OUTPUT "${printed}/engram.1.gz" "${printed}/engram.bash" "${printed}/_engram" "${printed}/engram.fish"
        COMMAND engram manual > engram.1
        COMMAND gzip -9nf engram.1
        COMMAND engram completion bash > engram.bash
        COMMAND engram completion zsh > _engram
        COMMAND engram completion fish > engram.fish
        DEPENDS engram WORKING_DIRECTORY "${printed}" VERBATIM)
    add_custom_target(printed ALL DEPENDS "${printed}/engram.1.gz")
    install(FILES "${printed}/engram.1.gz" DESTINATION share/man/man1 COMPONENT server)
    install(FILES "${printed}/engram.bash" DESTINATION share/bash-completion/completions RENAME engram COMPONENT server)
    install(FILES "${printed}/_engram" DESTINATION share/zsh/vendor-completions COMPONENT server)
    install(FILES "${printed}/engram.fish" DESTINATION share/fish/vendor_completions.d COMPONENT server)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/third_party/NOTICE" DESTINATION share/doc/engram COMPONENT server)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION share/doc/engram RENAME copyright COMPONENT server)

# Of the Debian package: the system's server.
install(FILES "${PROJECT_SOURCE_DIR}/etc/oss.toml" DESTINATION /etc/engram RENAME engram.toml COMPONENT system EXCLUDE_FROM_ALL)
install(FILES "${PROJECT_SOURCE_DIR}/etc/engram.service" DESTINATION /lib/systemd/system COMPONENT system EXCLUDE_FROM_ALL)

# Of the TGZ: the libraries beside the C library, found by the executable's RPATH, with their licences. libpq is not carried:
# it brings Kerberos and LDAP, and who has PostgreSQL has it (storage-postgres alone needs it).
install(CODE "
    file(GLOB modules \"${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/*.so\" \"${PROJECT_BINARY_DIR}/lib/engram/plugins/*.so\")
    file(GET_RUNTIME_DEPENDENCIES EXECUTABLES \"$<TARGET_FILE:engram>\" MODULES \${modules}
        RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR missing
        PRE_EXCLUDE_REGEXES \"^libpq[.]so\"
        POST_EXCLUDE_REGEXES \"/(libc|libm|libdl|libpthread|librt|libresolv|ld-linux[^/]*)[.]so\")
    if(missing)
        message(FATAL_ERROR \"libraries are missing: \${missing}\")
    endif()
    foreach(library IN LISTS libraries)
        file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/engram\" TYPE SHARED_LIBRARY FOLLOW_SYMLINK_CHAIN FILES \"\${library}\")
        file(REAL_PATH \"\${library}\" real)
        execute_process(COMMAND dpkg-query -S \"\${real}\" OUTPUT_VARIABLE owner ERROR_QUIET)
        string(REGEX REPLACE \":.*\" \"\" owner \"\${owner}\")
        if(owner AND EXISTS \"/usr/share/doc/\${owner}/copyright\")
            file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/share/doc/engram/libraries\" TYPE FILE
                RENAME \"\${owner}\" FILES \"/usr/share/doc/\${owner}/copyright\")
        endif()
    endforeach()
" COMPONENT carried EXCLUDE_FROM_ALL)

include(CPack)

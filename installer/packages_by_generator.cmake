# Read by cpack once a generator: which components its package has, and where they go.
if(CPACK_GENERATOR STREQUAL "DEB")
    set(CPACK_COMPONENTS_ALL server sdk system)
    set(CPACK_PACKAGING_INSTALL_PREFIX "/usr")
    set(CPACK_INSTALL_PREFIX "/usr")
    set(CPACK_SET_DESTDIR ON)  # the configuration and the unit have absolute places
else()
    set(CPACK_COMPONENTS_ALL server sdk staged carried)
    set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
endif()

# Writes engram/drafts.h: one hash for each draft header, so that host and plugin can tell whether they were compiled
# against the same text. Usage: engram_write_drafts(<include dir> <output file>)
function(engram_write_drafts include_dir output)
    # An interface's hash covers the headers it is made of.
    set(interfaces
        "auth/1:auth.h" "tenancy/1:tenancy.h" "quota/1:quota.h" "storage/1:storage.h,record.h" "embed/1:embed.h"
        "metering/1:metering.h" "audit/1:audit.h,metering.h" "routes/1:routes.h" "host.log/1:host/log.h"
        "host.metrics/1:host/metrics.h" "host.json/1:host/json.h" "host.tasks/1:host/tasks.h"
        "host.state_dir/1:host/state_dir.h" "host.directory/1:host/directory.h,tenancy.h")
    set(text "")
    foreach(entry IN LISTS interfaces)
        string(REPLACE ":" ";" parts "${entry}")
        list(GET parts 0 id)
        list(GET parts 1 headers)
        string(REPLACE "," ";" headers "${headers}")
        set(all "")
        foreach(header IN LISTS headers)
            file(READ "${include_dir}/engram/${header}" content)
            string(APPEND all "${content}")
            set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${include_dir}/engram/${header}")
        endforeach()
        string(SHA256 hash "${all}")
        string(SUBSTRING "${hash}" 0 16 hash)
        string(APPEND text "    \"engram.${id}=${hash};\" \\\n")
    endforeach()
    set(content "/* Generated from the headers beside it: hashes of the draft interfaces. */
#ifndef ENGRAM_DRAFTS_H
#define ENGRAM_DRAFTS_H

#define ENGRAM_DRAFTS \\
${text}    \"\"

#endif
")
    file(CONFIGURE OUTPUT "${output}" CONTENT "${content}" @ONLY)
endfunction()

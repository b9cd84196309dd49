//! What is in a directory.

use super::*;

#[test]
fn all_entries_of_a_large_directory_come_once() {
    let scratch = tempdir().unwrap();
    for number in 0..300 {
        std::fs::write(scratch.path().join(format!("file-{number}")), [0; 3]).unwrap();
    }
    std::fs::create_dir(scratch.path().join("directory")).unwrap();
    run(async {
        let mut entries = fs::read_dir(scratch.path()).await?;
        let mut names = Vec::new();
        loop {
            // A future that is given up takes no entry with it.
            let entry = match timeout(Duration::ZERO, entries.next_entry()).await {
                Ok(entry) => entry?,
                Err(_) => continue,
            };
            let Some(entry) = entry else { break };
            let is_dir = entry.file_name() == "directory";
            assert_eq!(entry.file_type().await?.is_dir(), is_dir);
            if !is_dir {
                assert_eq!(entry.metadata().await?.len(), 3);
            }
            assert_eq!(entry.path(), scratch.path().join(entry.file_name()));
            names.push(entry.file_name());
        }
        assert!(entries.next_entry().await?.is_none());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 301);
        let error = fs::read_dir(scratch.path().join("file-1")).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::Other), "{error}");
        Ok(())
    });
}

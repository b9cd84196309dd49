//! Operations at an offset.

use super::*;

#[test]
fn operations_at_an_offset_are_many_at_once_and_give_the_memory_back() {
    let scratch = tempdir().unwrap();
    run(async {
        let file = Arc::new(open_both_ways(&scratch.path().join("file")).await?);
        let mut writing = JoinSet::new();
        for block in 0..50_u8 {
            let file = Arc::clone(&file);
            writing.spawn(async move {
                let buf = vec![block; 1_000];
                let memory = buf.as_ptr();
                let (written, buf) = file.write_all_at(buf, u64::from(block) * 1_000).await;
                written.unwrap();
                assert_eq!(buf.as_ptr(), memory, "the same memory");
                let (read, buf) = file.read_at(buf, u64::from(block) * 1_000 + 500).await;
                assert!(read.unwrap() >= 500 && buf[..500] == [block; 500]);
            });
        }
        while let Some(written) = writing.join_next().await {
            written.unwrap();
        }
        let (read, end) = file.read_exact_at([0; 10], 49_990).await;
        read?;
        assert_eq!(end, [49; 10]);
        let (read, _) = file.read_exact_at([0; 11], 49_990).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let (written, _) = file.write_all_at("text, too", 0).await;
        written?;
        assert_eq!(&std::fs::read(scratch.path().join("file"))?[..9], b"text, too");
        Ok(())
    });
}
